"""The compiled loop does what a platform in plain Python does, event by event."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.delays.peak_shave import PeakShave
from evenly.cluster.functions.keepalives.clairvoyant import Clairvoyant
from evenly.cluster.functions.keepalives.fixed import Fixed
from evenly.cluster.functions.keepalives.histogram import Histogram
from evenly.cluster.functions.keepalives.release import Release
from evenly.cluster.functions.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.pools.constant import Constant
from evenly.cluster.functions.pools.seasonal import Seasonal
from evenly.cluster.functions.scenario import FunctionsScenario
from tests.cluster.functions.twin import Twin

KEEPS: list[Any] = [
    Release(),
    Fixed(30.0),
    Clairvoyant(),
    Histogram(most=300.0),
    Histogram(most=900.0, early=True),
    TimerPrewarm(seconds=20.0, agree=5.0),
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


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(KEEPS), st.sampled_from(DELAYS), st.sampled_from(POOLS))
def test_the_loop_and_its_twin_agree(seed: int, keep: Any, delay: Any, pool: Any) -> None:
    calls = drawn(seed)
    run = FunctionsScenario(keep=keep, delay=delay, pool=pool).simulate(calls)
    twin = Twin(calls, keep, delay, pool).serve()
    assert run.calls["start"] == pytest.approx(twin.start, abs=1e-6)
    assert (np.isfinite(run.calls["began"]) == twin.cold).all()
    assert run.pods["died"] == pytest.approx([pod.died for pod in twin.pods], abs=1e-6)
    assert run.pods["idle"] == pytest.approx([pod.idle for pod in twin.pods], abs=1e-6)
    assert run.pools["seconds"] == pytest.approx([one.seconds for one in twin.pools], abs=1e-6)
