"""Every cold start says why."""

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.brute_force import few
from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.causes import CAUSES
from evenly.cluster.functions.delays.peak_shave import PeakShave
from evenly.cluster.functions.results import items
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.single import Single
from evenly.testing.functions import sample, served


def reasons(scenario: FunctionsScenario, calls: Calls) -> list[str]:
    return [str(text) for text in items(calls, served(scenario, calls))["reason"]]


def test_a_clock_slower_than_the_keep_alive_is_named() -> None:
    calls = Single(period=120.0, seconds=0.0, cold=0.0, timer=True, hours=0.1).draw(0)
    assert reasons(FunctionsScenario(), calls) == ["first call", *["timer 120 s > keep-alive 60 s"] * 2]


def test_gaps_crowds_and_pods_on_their_way_are_told_apart() -> None:
    calls = few(np.array([0.0, 5.0, 300.0]), np.array([20.0, 1.0, 1.0]), cold=2.0)
    assert reasons(FunctionsScenario(keep=Fixed(60.0)), calls) == [
        "first call",
        "all pods busy",
        "idle 280 s > keep-alive 60 s",
    ]
    crowd = few(np.array([0.0, 0.5]), np.full(2, 1.0), cold=2.0)
    assert reasons(FunctionsScenario(concurrency=2), crowd) == ["first call", "pod on its way, 1.5 s"]


@pytest.mark.parametrize(
    "scenario",
    [
        FunctionsScenario(keep=Fixed(20.0)),
        FunctionsScenario(keep=TimerPrewarm(20.0)),
        FunctionsScenario(keep=Fixed(10.0), delay=PeakShave(5.0)),
        FunctionsScenario(keep=Fixed(10.0), concurrency=3, slowdown=0.3),
    ],
)
def test_every_cold_start_has_a_cause_and_no_other_call_has_one(scenario: FunctionsScenario) -> None:
    calls = sample(7)
    told = items(calls, served(scenario, calls))
    assert ((told["cause"] != "") == told["cold"]).all()
    assert ((told["reason"] != "") == told["cold"]).all()
    assert set(told["cause"]) <= set(CAUSES)
    gone = told["cause"] == "kept too short"
    for text in told["reason"][gone]:
        words = str(text).split()
        assert float(words[1]) > float(words[5])


def test_without_calls_there_are_no_reasons() -> None:
    calls = sample(0, 0)
    assert reasons(FunctionsScenario(), calls) == []
