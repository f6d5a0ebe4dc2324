"""Calls that other regions serve."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.release import Release
from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.results import figures, items
from evenly.cluster.functions.routes.least_wait import LeastWait
from evenly.cluster.functions.routes.nearest_warm import NearestWarm
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.regions import Regions
from evenly.core import Ints
from evenly.testing.functions import sample, served

SLOW, FAST, WAY = 3.0, 0.3, 0.1  # seconds of a cold start in two regions, and there and back between them


def two(arrival: list[float], home: list[int]) -> Calls:
    """Return calls of one function that comes in two regions."""
    none: Ints = np.zeros(2, np.int64)
    functions = Functions(none, none, none, none + 1, np.array([SLOW, FAST]), ("APIG-S",), ("Go",), ("300-128",))
    parts = np.zeros((len(arrival), 2, 4))
    parts[:, :, 3] = SLOW, FAST
    latency = WAY * (1.0 - np.eye(2))
    times = np.array(arrival)
    return Calls(functions, np.array(home), times, np.full(len(times), 0.5), parts, parts, 1000.0, latency=latency)


def test_a_call_waits_least_where_way_and_start_are_shortest() -> None:
    calls = two([0.0, 100.0, 200.0], [0, 0, 1])
    home = served(FunctionsScenario(keep=Release()), calls)
    away = served(FunctionsScenario(keep=Release(), route=LeastWait()), calls)
    assert items(calls, home)["added"].tolist() == pytest.approx([SLOW, SLOW, FAST])
    assert items(calls, away)["added"].tolist() == pytest.approx([FAST + WAY, FAST + WAY, FAST])
    assert away.calls["site"].tolist() == [1, 1, 1]
    assert figures(calls, away)["added_mean"] == pytest.approx(FAST + WAY * 2 / 3)


def test_a_warm_pod_elsewhere_is_taken_and_none_is_started_there() -> None:
    calls = two([0.0, 10.0, 20.0], [1, 0, 0])
    run = served(FunctionsScenario(keep=Fixed(60.0), route=NearestWarm()), calls)
    assert run.calls["site"].tolist() == [1, 1, 1]
    assert items(calls, run)["added"].tolist() == pytest.approx([FAST, WAY, WAY])
    alone = served(FunctionsScenario(keep=Release(), route=NearestWarm()), calls)
    assert alone.calls["site"].tolist() == calls.function.tolist()


@dataclass(frozen=True, slots=True)
class Astray:
    def choose(self, now: float, function: int, functions: Any, latency: Any, memory: Any) -> int:
        return function + 3


def test_a_route_to_another_function_is_refused() -> None:
    with pytest.raises(ValueError, match="must return a row of the function that is called"):
        FunctionsScenario(route=Astray()).simulate(sample(0, regions=3))


def test_a_route_needs_several_regions() -> None:
    with pytest.raises(ValueError, match="there is one region only"):
        FunctionsScenario(route=LeastWait()).simulate(sample(0))


def test_wherever_a_call_is_served_its_cold_start_has_the_same_luck() -> None:
    calls = Regions(functions=10, hours=3.0).draw(2)
    times = calls.parts.sum(axis=2)
    order = np.argsort(np.argsort(times[:, 0]))
    slow_and_fast = np.corrcoef(order, np.argsort(np.argsort(times[:, 2])))[0, 1]
    assert slow_and_fast > 0.99
    assert np.median(times[:, 0]) > 5 * np.median(times[:, 2])
    assert {int(row) % 3 for row in calls.function} == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "said"),
    [({"regions": ("R1", "R1")}, "each once"), ({"rtt": -1.0}, "rtt"), ({"functions": 0}, "functions is 1")],
)
def test_senseless_regions_are_refused(change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Regions(**change)
