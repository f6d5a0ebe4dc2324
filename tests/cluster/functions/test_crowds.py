"""Several calls on one pod: how many pods they need, how they slow each other down."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.release import Release
from evenly.cluster.functions.brute_force import few
from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.single import Single
from evenly.testing.functions import sample, served

FOREVER = Fixed(1e9)


def most_at_once(calls: Calls) -> int:
    times = np.concatenate((calls.arrival, calls.arrival + calls.seconds))
    steps = np.repeat([1, -1], len(calls))
    return int(np.cumsum(steps[np.lexsort((steps, times))]).max())


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(0, 10**6))
def test_kept_for_ever_there_are_as_many_pods_as_the_most_calls_at_once_fill(concurrency: int, seed: int) -> None:
    calls = Single(period=2.0, random=True, seconds=15.0, cold=0.0, hours=0.2).draw(seed)
    run = served(FunctionsScenario(keep=FOREVER, concurrency=concurrency), calls)
    assert len(run.pods) == math.ceil(most_at_once(calls) / concurrency)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(0.0, 1.0))
def test_work_is_neither_lost_nor_made(seed: int, concurrency: int, slowdown: float) -> None:
    calls = sample(seed)
    run = served(FunctionsScenario(keep=Fixed(20.0), concurrency=concurrency, slowdown=slowdown), calls)
    # With n calls on a pod, n / (1 + slowdown (n - 1)) seconds of work are done a second: between 1 and concurrency.
    assert run.pods["busy"].sum() <= calls.seconds.sum() * (1 + slowdown * (concurrency - 1)) + 1e-6
    assert run.pods["busy"].sum() >= calls.seconds.sum() / concurrency - 1e-6
    assert run.pods["served"].sum() == len(calls)


def test_a_shared_processor_takes_as_long_as_its_formula_says() -> None:
    calls = Single(period=2.0, random=True, seconds=1.0, cold=0.0, hours=60.0).draw(3)
    run = served(FunctionsScenario(keep=FOREVER, concurrency=1000, slowdown=1.0), calls)
    assert len(run.pods) == 1
    assert (run.calls["end"] - run.calls["start"]).mean() == pytest.approx(1.0 / (1 - 0.5), rel=0.03)


def test_two_calls_that_share_a_pod_end_when_they_must() -> None:
    calls = few(np.array([0.0, 1.0]), np.array([2.0, 2.0]))
    run = served(FunctionsScenario(keep=Release(), concurrency=2, slowdown=0.5), calls)
    # One second alone, then 1.5 s for each further second of work: the first ends at 2.5, the second, half done by then
    # in 1 of its 2 s, runs its last second alone.
    assert run.calls["end"].tolist() == pytest.approx([2.5, 3.5])
    assert run.pods["busy"].tolist() == pytest.approx([3.5])


def test_calls_join_a_pod_that_is_starting() -> None:
    calls = few(np.array([0.0, 1.0, 2.0]), np.full(3, 5.0), cold=4.0)
    run = served(FunctionsScenario(keep=Fixed(60.0), concurrency=2), calls)
    assert run.calls["pod"].tolist() == [0, 0, 1]
    assert run.calls["start"].tolist() == [4.0, 4.0, 6.0]
    assert run.calls["allocation"][1] != run.calls["allocation"][1]  # it started none


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_one_call_on_a_pod_knows_no_slowdown(seed: int) -> None:
    calls = sample(seed)
    one, other = (served(FunctionsScenario(keep=Fixed(30.0), slowdown=s), calls) for s in (0.0, 1.0))
    assert (one.calls == other.calls).all() or np.array_equal(one.calls["end"], other.calls["end"])


@pytest.mark.parametrize(("change", "said"), [({"concurrency": 0}, "1 to 1,000 calls"), ({"slowdown": -0.1}, "from 0")])
def test_senseless_crowds_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FunctionsScenario(**change).check()  # type: ignore[arg-type]
