"""Replicas of several kinds in one run: each does what it would do alone, by its own table, memory and pipeline."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Array, Floats, Trace
from evenly.kernel.serving.kinds import Kind, kind_of
from evenly.kernel.serving.simulation import Run, part_of, simulate
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.routers.least_requests import LeastRequests
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.routers.weighted_least_requests import WeightedLeastRequests
from tests.kernel.workload import POLICIES, random_trace, rules_of

FAST, SLOW = np.array([0.01, 5e-5, 1e-6]), np.array([0.02, 2e-4, 4e-6])
SHARED, NONE = np.array([0.004, 3e-5, 0.0]), np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """Sends each request where it went before."""

    replicas: Array

    def memory(self, seed: int, replicas: int) -> Floats:
        return np.zeros(1)

    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        return int(self.replicas[request])


def together(trace: Trace, kinds: tuple[Kind, ...], route: Any, **changes: Any) -> Run:
    """Serve a trace on crews of several kinds of the vLLM engine; `changes` are rules."""
    blocks = max(kind.blocks for kind in kinds)
    rules = rules_of("vllm-v1", blocks) | {"crews": 1, "stages": 1, "budget": 256, "seats": 8} | changes
    policies = replace(POLICIES, route=route, budget=Fixed(256), tables=kinds[0].tables, kinds=kinds)
    members = sum(kind.crews * kind.mates for kind in kinds)
    return simulate(trace, rules, policies, members, blocks, 0, 7, record_passes=100_000)


some = st.builds(
    Kind,
    crews=st.integers(1, 2),
    stages=st.integers(1, 3),
    ranks=st.integers(1, 2),
    blocks=st.integers(60, 200),
    seats=st.integers(2, 8),
    tables=st.sampled_from([FAST, SLOW]),
    shared=st.sampled_from([SHARED, NONE]),
)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    kinds=st.lists(some, min_size=2, max_size=3),
    route=st.sampled_from([RoundRobin(), LeastRequests(), WeightedLeastRequests()]),
    cache=st.booleans(),
)
def test_each_kind_does_what_it_would_do_alone(seed: int, kinds: list[Kind], route: Any, cache: bool) -> None:
    trace = random_trace(seed, 40, 20.0, prompt=200, output=60)
    run = together(trace, tuple(kinds), route, cache=int(cache))
    which = kind_of(kinds)[run.requests["replica"]]
    for number, kind in enumerate(kinds):
        part = part_of(run, tuple(kinds), number)
        mine = np.flatnonzero(which == number)
        if len(mine) == 0:
            continue
        alone = together(trace.take(mine), (kind,), Again(part.requests["replica"]), cache=int(cache))
        for name in ("start", "first_token", "finish", "worst_gap", "preemptions"):
            np.testing.assert_array_equal(part.requests[name], alone.requests[name], err_msg=name)
        np.testing.assert_array_equal(part.pools["busy"], alone.pools["busy"])
        np.testing.assert_array_equal(part.log, alone.log)
        assert (part.pools["free"] == kind.blocks).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_a_kind_given_twice_is_one_kind_with_twice_the_crews(seed: int) -> None:
    trace = random_trace(seed, 40, 20.0, prompt=200, output=60)
    one = Kind(1, 1, 1, 500, 8, FAST, SHARED)
    twice, once = together(trace, (one, one), RoundRobin()), together(trace, (replace(one, crews=2),), RoundRobin())
    np.testing.assert_array_equal(twice.requests["finish"], once.requests["finish"])


def test_the_weighted_router_gives_slow_replicas_less_and_ends_sooner_than_the_unweighted_one() -> None:
    trace = random_trace(1, 600, 60.0, prompt=200, output=60)
    kinds = (Kind(1, 1, 1, 4000, 64, FAST, NONE), Kind(2, 1, 1, 4000, 64, SLOW, NONE))
    runs = [together(trace, kinds, route, seats=64) for route in (WeightedLeastRequests(), LeastRequests())]
    shares = [np.bincount(run.requests["replica"], minlength=3) / len(trace) for run in runs]
    assert shares[0][0] > shares[1][0]
    answers = [(run.requests["finish"] - run.requests["arrival"]).mean() for run in runs]
    assert answers[0] < answers[1]


def test_among_alike_replicas_the_weighted_router_is_the_unweighted_one() -> None:
    trace = random_trace(2, 200, 30.0, prompt=200, output=60)
    kinds = (Kind(3, 1, 1, 4000, 64, FAST, NONE),)
    one, other = (together(trace, kinds, route) for route in (WeightedLeastRequests(), LeastRequests()))
    np.testing.assert_array_equal(one.requests["replica"], other.requests["replica"])


def test_the_pace_of_a_replica_is_that_of_its_kind() -> None:
    seen: list[Floats] = []

    @dataclass(frozen=True, slots=True)
    class Nosy:
        def memory(self, seed: int, replicas: int) -> Floats:
            return np.zeros(1)

        def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
            seen.append(fleet["pace"].copy())
            return 0

    together(random_trace(0, 1, 1.0), (Kind(1, 1, 1, 900, 8, FAST, NONE), Kind(1, 2, 1, 900, 8, SLOW, NONE)), Nosy())
    paces = [0.01 / 256 + 5e-5, 2 * (0.02 / 256 + 2e-4), 2 * (0.02 / 256 + 2e-4)]
    np.testing.assert_allclose(seen[0], paces, rtol=1e-12)
