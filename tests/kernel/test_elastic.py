"""A fleet whose replicas come and go: the kernel gives what a loop in plain Python gives, life by life."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.keepalives.fixed import Fixed as Kept
from evenly.balance.keepalives.histogram import Histogram
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.balance.scalers.ladder import Ladder
from evenly.core import Array, Floats, Trace
from evenly.kernel.serving.elastic import Elastic
from evenly.kernel.serving.simulation import Run, simulate
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.routers.least_requests import LeastRequests
from evenly.serve.routers.round_robin import RoundRobin
from tests.kernel.plain_elastic import Twin, rows
from tests.kernel.workload import POLICIES, random_trace, rules_of

COST = (0.01, 5e-5, 1e-6)
TIMES = ("start", "first_token", "finish", "worst_gap")


def fleet(
    trace: Trace, replicas: int, elastic: Elastic | None, router: Any = None, blocks: int = 100_000, **changes: Any
) -> Run:
    """Serve a trace on replicas of the vLLM engine that come and go; `changes` are rules."""
    rules = rules_of("vllm-v1", blocks) | {"budget": 256, "seats": 8} | changes
    policies = replace(
        POLICIES,
        route=router or LeastRequests(),
        budget=Fixed(int(rules["budget"])),
        tables=np.array(COST),
        elastic=elastic,
    )
    return simulate(trace, rules, policies, replicas, blocks, 0, 7)


keeps = st.sampled_from([Kept(0.5), Kept(5.0), Release(), Histogram(most=20.0, unknown=2.0, early=True)])
elastics = st.builds(
    Elastic,
    keep=keeps,
    scale=st.none(),
    start=st.sampled_from([0.0, 0.3, 4.0]),
    least=st.integers(0, 2),
    concurrency=st.integers(1, 6),
)
scaled = st.builds(
    Elastic,
    keep=keeps,
    scale=st.sampled_from([Ladder(), Ladder(0.4, 0.1), Ladder(1.0, 0.9)]),
    start=st.sampled_from([0.0, 0.3, 4.0]),
    least=st.integers(1, 2),
    concurrency=st.integers(1, 6),
    every=st.sampled_from([0.25, 2.0]),
)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    replicas=st.integers(2, 4),
    elastic=st.one_of(elastics, scaled),
    rate=st.sampled_from([0.2, 2.0, 20.0, 500.0]),
)
def test_replicas_come_and_go_as_in_plain_python(seed: int, replicas: int, elastic: Elastic, rate: float) -> None:
    trace = random_trace(seed, 40, rate, prompt=200, output=40)
    run = fleet(trace, replicas, elastic)
    twin = Twin(trace, replicas, elastic, 256, 8, COST)
    twin.run()
    np.testing.assert_allclose(run.requests["first_token"], twin.first_token, rtol=1e-9)
    np.testing.assert_allclose(run.requests["finish"], twin.finish, rtol=1e-9)
    lives = rows([tuple(life) for life in run.lives.ended.tolist()])
    np.testing.assert_allclose(lives, rows(twin.lives), rtol=1e-9)
    assert run.lives.cold == twin.cold
    assert run.lives.seconds.sum() == pytest.approx(float((lives[:, 3] - lives[:, 1]).sum()))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    replicas=st.integers(1, 3),
    blocks=st.integers(60, 200),
    router=st.sampled_from([LeastRequests(), RoundRobin()]),
)
def test_replicas_that_never_stop_are_a_fixed_fleet(seed: int, replicas: int, blocks: int, router: Any) -> None:
    trace = random_trace(seed, 40, 20.0, prompt=200, output=100)
    stay = Elastic(keep=Kept(1.0), least=replicas)
    fixed, mine = (fleet(trace, replicas, elastic, router, blocks=blocks) for elastic in (None, stay))
    for name in (*TIMES, "preemptions", "replica"):
        np.testing.assert_array_equal(fixed.requests[name], mine.requests[name], err_msg=name)
    np.testing.assert_array_equal(fixed.pools, mine.pools)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 30), elastic=st.one_of(elastics, scaled), blocks=st.integers(60, 120))
def test_skipping_gives_what_stepping_gives_where_memory_is_short(seed: int, elastic: Elastic, blocks: int) -> None:
    trace = random_trace(seed, 40, 10.0, prompt=200, output=100)
    fast, slow = (fleet(trace, 3, elastic, blocks=blocks, step=step) for step in (0, 1))
    for name in TIMES:
        np.testing.assert_allclose(fast.requests[name], slow.requests[name], rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(fast.lives.ended, slow.lives.ended, rtol=1e-9)
    assert (fast.pools["free"] == blocks).all()


def test_a_lone_request_waits_for_the_start_and_its_pass() -> None:
    trace = Trace(np.array([3.0, 100.0]), np.array([100, 100]), np.array([1, 1]))
    run = fleet(trace, 4, Elastic(keep=Kept(10.0), start=7.0))
    prompt = COST[0] + 100 * COST[1]
    np.testing.assert_allclose(run.requests["finish"], trace.arrival + 7.0 + prompt)
    np.testing.assert_allclose(run.lives.ended[0], [0, 3.0, 10.0, 10.0 + prompt + 10.0])
    assert (run.lives.cold, run.lives.starts) == (2, 2)


def test_a_replica_is_started_ahead_of_the_tick_of_a_clock() -> None:
    count = 12
    trace = Trace(60.0 * np.arange(1.0, count + 1), np.full(count, 100), np.full(count, 5))
    ahead, late = (fleet(trace, 2, Elastic(keep=TimerPrewarm(5.0), start=20.0, timer=timer)) for timer in (True, False))
    assert late.lives.cold == count
    assert ahead.lives.cold == 4, "until three gaps agree"
    assert ahead.lives.seconds.sum() < late.lives.seconds.sum()


def test_what_a_replica_cached_is_gone_after_it_stopped() -> None:
    session = np.array([0, 0])
    trace = Trace(
        np.array([0.0, 0.0]),
        np.array([160, 200]),
        np.array([10, 10]),
        session=session,
        after=np.array([-1, 0]),
        pause=np.array([0.0, 30.0]),
    )
    stays, goes = (fleet(trace, 1, Elastic(keep=Kept(keep), start=1.0), cache=1) for keep in (60.0, 5.0))
    assert stays.requests["cached"].tolist() == [0, 160]
    assert goes.requests["cached"].tolist() == [0, 0]


def test_the_ladder_follows_the_load_up_and_down_with_fewer_starts_than_without_a_band() -> None:
    chance = np.random.default_rng(5)
    arrival = np.sort(np.concatenate([chance.uniform(0, 600, 300), chance.uniform(200, 400, 3000)]))
    count = len(arrival)
    trace = Trace(arrival, chance.integers(50, 300, count), chance.integers(20, 200, count))
    runs = [
        fleet(trace, 6, Elastic(Kept(0.0), Ladder(0.7, band), start=5.0, least=1, concurrency=8, every=5.0))
        for band in (0.0, 0.5)
    ]
    assert runs[1].lives.starts < runs[0].lives.starts
    there = [
        float(((lives[:, 1] < t) & (lives[:, 3] > t)).sum()) for lives in [runs[1].lives.ended] for t in (150, 390)
    ]
    assert there[0] <= 2 < there[1]


class Python:
    """A router in plain Python that notes how many replicas it saw."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def memory(self, seed: int, replicas: int) -> Floats:
        return np.zeros(1)

    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        self.seen.add(len(fleet))
        return int(np.argmin(fleet["waiting"] + fleet["running"]))


def test_a_router_in_plain_python_sees_the_open_replicas_and_decides_alike() -> None:
    trace = random_trace(3, 60, 20.0, prompt=200, output=40)
    elastic = Elastic(keep=Kept(1.0), start=0.5, concurrency=3)
    plain = Python()
    one, other = fleet(trace, 4, elastic, plain), fleet(trace, 4, elastic)
    np.testing.assert_array_equal(one.requests["finish"], other.requests["finish"])
    assert {1, 2} < plain.seen


class Beyond:
    """A scaler that asks for a level that does not exist."""

    def memory(self, seed: int, replicas: int) -> Floats:
        return np.zeros(1)

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        return 9


def test_a_scaler_that_asks_for_more_replicas_than_there_are_is_told_so() -> None:
    trace = random_trace(3, 60, 5.0)
    with pytest.raises(ValueError, match=r"Beyond.choose returned level 9; a fleet of 2 replicas has levels 0 to 1"):
        fleet(trace, 2, Elastic(keep=Kept(1.0), scale=Beyond(), least=1, every=1.0))
