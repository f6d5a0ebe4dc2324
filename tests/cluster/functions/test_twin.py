"""The compiled loop does what a platform in plain Python does, event by event."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.keepalives.clairvoyant import Clairvoyant
from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.histogram import Histogram
from evenly.balance.keepalives.predicted import Predicted
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.chains.expected import Expected
from evenly.cluster.functions.delays.peak_shave import PeakShave
from evenly.cluster.functions.pools.constant import Constant
from evenly.cluster.functions.pools.seasonal import Seasonal
from evenly.cluster.functions.routes.least_wait import LeastWait
from evenly.cluster.functions.routes.nearest_warm import NearestWarm
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.workflows import Workflows
from evenly.testing.functions import sample, served
from tests.cluster.functions.twin import Twin

KEEPS: list[Any] = [
    Release(),
    Fixed(30.0),
    Clairvoyant(),
    Histogram(most=300.0),
    Histogram(most=900.0, early=True),
    TimerPrewarm(seconds=20.0, agree=5.0),
    Predicted(trust=0.4),
]
DELAYS: list[Any] = [None, PeakShave(4.0)]
POOLS: list[Any] = [None, Constant(1), Seasonal(around=5)]


def drawn(seed: int, count: int = 150, hours: float = 1.0) -> Calls:
    """Return calls of four functions, one of them a clock's, with long cold starts so that much overlaps."""
    chance = np.random.default_rng(seed)
    span = hours * 3600.0
    ticks = np.arange(30.0, span, 240.0) + chance.random(int(np.ceil((span - 30.0) / 240.0)))
    others = np.sort(chance.random(count) * span)
    function = np.concatenate([np.zeros(len(ticks), np.int64), chance.integers(1, 4, count)])
    arrival = np.concatenate([ticks, others])
    order = np.argsort(arrival, kind="stable")
    code = np.array([0, 1, 2, 1])
    names = ("TIMER-A", "OBS-A", "APIG-S")
    functions = Functions(
        code, code * 0, np.array([0, 1, 0, 1]), np.array([1, 1, 0, 1]), np.full(4, 9.0), names, ("Python3",), ("a", "b")
    )
    parts, ahead = (chance.exponential([1.0, 0.5, 2.0, 3.0], (len(arrival), 4)) for _ in range(2))
    lasting = chance.exponential([5.0, 20.0, 8.0, 40.0])[function[order]]
    return Calls(functions, function[order], arrival[order], lasting, parts, ahead, span)


def agree(calls: Calls, scenario: FunctionsScenario) -> None:
    """Serve calls in the loop and in its twin, and compare every call, pod and pool."""
    run, twin = served(scenario, calls), Twin(calls, scenario).serve()
    assert run.calls["arrival"] == pytest.approx(twin.arrival, abs=1e-6)
    assert (run.calls["site"] == twin.site).all()
    assert run.calls["start"] == pytest.approx(twin.start, abs=1e-6)
    assert run.calls["end"] == pytest.approx(twin.end, abs=1e-6)
    assert (run.calls["why"] == twin.why).all()
    assert (np.isfinite(run.calls["began"]) == (twin.why > 0)).all()
    for name in ("died", "idle", "busy"):
        assert run.pods[name] == pytest.approx([getattr(pod, name) for pod in twin.pods], abs=1e-6)
    assert run.pools["seconds"] == pytest.approx([one.seconds for one in twin.pools], abs=1e-6)


crowds = st.sampled_from([(1, 0.0), (2, 0.0), (3, 0.4), (5, 1.0)])


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(KEEPS), st.sampled_from(DELAYS), st.sampled_from(POOLS), crowds)
def test_the_loop_and_its_twin_agree(seed: int, keep: Any, delay: Any, pool: Any, crowd: tuple[int, float]) -> None:
    concurrency, slowdown = crowd
    agree(
        drawn(seed),
        FunctionsScenario(keep=keep, delay=delay, pool=pool, concurrency=concurrency, slowdown=slowdown),
    )


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(KEEPS), st.sampled_from([LeastWait(), NearestWarm()]), crowds)
def test_they_agree_where_calls_go_to_other_regions(seed: int, keep: Any, route: Any, crowd: tuple[int, float]) -> None:
    concurrency, slowdown = crowd
    agree(
        sample(seed, regions=3),
        FunctionsScenario(keep=keep, route=route, concurrency=concurrency, slowdown=slowdown),
    )


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.sampled_from(KEEPS),
    st.sampled_from([None, Expected(0.0, 0.5, 1), Expected(patience=1.0), Expected(ahead=1)]),
    crowds,
    st.booleans(),
)
def test_they_agree_where_calls_make_others(
    seed: int, keep: Any, chain: Any, crowd: tuple[int, float], long: bool
) -> None:
    concurrency, slowdown = crowd
    workflows = Workflows(workflows=3, steps=4, goes_on=0.8, busiest=300.0, hours=4.0)
    calls = workflows.draw(seed) if long else sample(seed, chained=True)
    agree(calls, FunctionsScenario(keep=keep, chain=chain, concurrency=concurrency, slowdown=slowdown))
