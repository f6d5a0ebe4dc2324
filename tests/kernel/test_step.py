"""Replicas that keep step: the kernel gives what a loop in plain Python gives, window by window."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.kernel.serving.simulation import Run, simulate
from evenly.serve.budgets.fixed import Fixed
from tests.kernel.plain_step import Twin
from tests.kernel.workload import POLICIES, random_trace, rules_of, serve

OWN = (0.01, 5e-5, 1e-6)
SHARED = (0.004, 3e-5, 0.0)
CARRIED = {"carried": 1, "cache": 0}  # rules of requests that bring the keys and values of their prompts


def in_step(trace: Trace, crews: int, stages: int, ranks: int, shared: bool = False, **changes: Any) -> Run:
    """Serve a trace on crews of the vLLM engine; `changes` are rules."""
    blocks = changes.pop("blocks", 100_000)
    rules = rules_of("vllm-v1", blocks) | {"crews": crews, "stages": stages, "budget": 256, "seats": 8} | changes
    policies = replace(
        POLICIES,
        budget=Fixed(int(rules["budget"])),
        tables=np.array(OWN),
        shared=np.array(SHARED) if shared else None,
    )
    return simulate(trace, rules, policies, crews * stages * ranks, blocks, 0, 7, record_passes=100_000)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    crews=st.integers(1, 2),
    stages=st.integers(1, 3),
    ranks=st.integers(1, 3),
    shared=st.booleans(),
    carried=st.booleans(),
    rate=st.sampled_from([0.5, 5.0, 500.0]),
)
def test_crews_keep_step_as_in_plain_python(
    seed: int, crews: int, stages: int, ranks: int, shared: bool, carried: bool, rate: float
) -> None:
    trace = random_trace(seed, 30, rate, prompt=200, output=40)
    run = in_step(trace, crews, stages, ranks, shared, **(CARRIED if carried else {}))
    twin = Twin(trace, crews, stages, ranks, 256, 8, OWN, SHARED if shared else (0.0, 0.0, 0.0), carried)
    twin.run()
    np.testing.assert_allclose(run.requests["first_token"], twin.first_token, rtol=1e-9)
    np.testing.assert_allclose(run.requests["finish"], twin.finish, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 30), replicas=st.integers(1, 3), blocks=st.integers(60, 200))
def test_crews_of_one_are_replicas(seed: int, replicas: int, blocks: int) -> None:
    trace = random_trace(seed, 40, 20.0, prompt=200, output=100)
    alone = serve(trace, blocks=blocks, replicas=replicas, tables=OWN, seats=8, budget=256)
    crew = in_step(trace, replicas, 1, 1, blocks=blocks)
    for name in ("start", "first_token", "finish", "worst_gap", "preemptions", "replica"):
        np.testing.assert_array_equal(alone.requests[name], crew.requests[name], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    stages=st.integers(1, 3),
    ranks=st.integers(1, 2),
    blocks=st.integers(60, 120),
    carried=st.booleans(),
)
def test_skipping_equal_windows_gives_what_stepping_gives(
    seed: int, stages: int, ranks: int, blocks: int, carried: bool
) -> None:
    trace = random_trace(seed, 40, 20.0, prompt=200, output=100)
    rules = CARRIED if carried else {}
    fast, slow = (in_step(trace, 1, stages, ranks, True, blocks=blocks, step=step, **rules) for step in (0, 1))
    for name in ("start", "first_token", "finish", "worst_gap"):
        np.testing.assert_allclose(fast.requests[name], slow.requests[name], rtol=1e-9, err_msg=name)
    np.testing.assert_array_equal(fast.requests["preemptions"], slow.requests["preemptions"])
    np.testing.assert_allclose(fast.pools["busy"], slow.pools["busy"], rtol=1e-9)
    assert len(fast.log) <= len(slow.log)
    assert (fast.pools["free"] == blocks).all()
    assert np.isfinite(fast.requests["finish"]).all()


def test_a_lone_microbatch_waits_for_every_stage() -> None:
    trace = Trace(np.zeros(1), np.array([100]), np.array([2]))
    run = in_step(trace, 1, 4, 1)
    first = 4 * (OWN[0] + 100 * OWN[1])
    second = 4 * (OWN[0] + OWN[1] + 100 * OWN[2])
    assert run.requests["first_token"][0] == pytest.approx(first)
    assert run.requests["finish"][0] == pytest.approx(first + second)


def test_members_are_busy_with_their_own_work_alone() -> None:
    trace = Trace(np.zeros(2), np.array([200, 50]), np.array([1, 1]))
    run = in_step(trace, 1, 1, 2)
    np.testing.assert_allclose(run.pools["busy"], [OWN[0] + 200 * OWN[1], OWN[0] + 50 * OWN[1]])
    np.testing.assert_allclose(run.log[:, 8], run.pools["busy"])
    assert run.requests["finish"][0] == run.requests["finish"][1]
