"""Every plug-in of every room of a function platform sits the exam of its room; and the exam notices what it is for."""

from dataclasses import dataclass
from typing import Any

import pytest

from evenly.balance.keepalives import keepalives
from evenly.cluster.functions.chains import chains
from evenly.cluster.functions.delays import delays
from evenly.cluster.functions.pools import pools
from evenly.cluster.functions.routes import routes
from evenly.cluster.functions.workloads.region import Region
from evenly.cluster.functions.workloads.regions import Regions
from evenly.cluster.functions.workloads.replicas import Replicas
from evenly.cluster.functions.workloads.single import Single
from evenly.cluster.functions.workloads.workflows import Workflows
from evenly.testing import functions as exams

ROOMS: list[tuple[Any, Any]] = [
    (keepalives, exams.check_keepalive),
    (delays, exams.check_delay),
    (pools, exams.check_pool),
    (routes, exams.check_route),
    (chains, exams.check_chain),
]
CASES = [(catalog, exam, name) for catalog, exam in ROOMS for name in catalog]


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=[f"{c.noun}-{name}" for c, _, name in CASES])
def test_every_policy_passes_the_exam_of_its_room(catalog: Any, exam: Any, name: str) -> None:
    exam(catalog[name]())


@pytest.mark.parametrize(
    "workload",
    [
        Region(functions=20, hours=2.0),
        Regions(functions=8, hours=2.0),
        Workflows(workflows=10, hours=4.0),
        Replicas(hours=1.0),
        Single(),
        Single(random=True, hours=0.5),
    ],
)
def test_every_workload_passes_its_exam(workload: Any) -> None:
    exams.check_workload(workload)


@dataclass(frozen=True, slots=True)
class Early:
    def keep(self, now: float, function: int, served: int, functions: Any, gaps: Any, memory: Any) -> float:
        return 0.0

    def warm(self, now: float, function: int, functions: Any, gaps: Any, memory: Any) -> float:
        return now - 1.0


def test_a_keep_alive_that_starts_pods_in_the_past_fails_its_exam() -> None:
    with pytest.raises(AssertionError, match="which is before now"):
        exams.check_keepalive(Early())


@dataclass(frozen=True, slots=True)
class Broken:
    def keep(self, now: float, function: int, served: int, functions: Any, gaps: Any, memory: Any) -> float:
        raise KeyError("what I look for")


def test_an_error_in_a_plain_policy_comes_through() -> None:
    with pytest.raises(KeyError, match="what I look for"):
        exams.check_keepalive(Broken())
