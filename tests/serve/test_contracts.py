"""Every plug-in of every serving room sits the exam of its room, and an exam notices what it is there to notice."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from evenly.balance.scalers import scalers
from evenly.core import Array, Floats
from evenly.serve.admissions import admissions
from evenly.serve.budgets import budgets
from evenly.serve.engines import engines
from evenly.serve.orders import orders
from evenly.serve.retentions import retentions
from evenly.serve.routers import routers
from evenly.serve.shares import shares
from evenly.serve.victims import victims
from evenly.testing import plugin
from evenly.testing import serve as exams
from evenly.testing.scalers import check_scaler
from evenly.testing.shares import check_shares

ROOMS: list[tuple[Any, Any]] = [
    (routers, exams.check_router),
    (orders, exams.check_order),
    (budgets, exams.check_budget),
    (admissions, exams.check_admission),
    (victims, exams.check_victim),
    (retentions, exams.check_retention),
    (engines, exams.check_engine),
    (shares, check_shares),
    (scalers, check_scaler),
]
CASES = [(catalog, exam, name) for catalog, exam in ROOMS for name in catalog]
NAMES = [f"{catalog.noun}-{name}" for catalog, _, name in CASES]


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=NAMES)
def test_every_plugin_passes_the_exam_of_its_room(catalog: Any, exam: Any, name: str) -> None:
    exam(catalog[name]())


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=NAMES)
def test_every_plugin_has_the_form_of_a_plugin(catalog: Any, exam: Any, name: str) -> None:
    plugin.check(catalog, name)


@dataclass(frozen=True, slots=True)
class Nowhere:
    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        return len(fleet) - 1 if request % 2 else -1


@dataclass(frozen=True, slots=True)
class Never:
    def admit(
        self, now: float, request: int, need: int, free: int, running: int, requests: Array, memory: Floats
    ) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Moody:
    moods: list[float]

    def rank(self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        self.moods.append(0.0)
        return float(len(self.moods) * 7919 % 101)


def test_a_policy_that_always_holds_requests_back_still_serves_one_at_a_time() -> None:
    exams.check_admission(Never())


def test_an_order_with_another_answer_each_time_fails_its_exam() -> None:
    with pytest.raises(AssertionError, match="the same seed gives another answer"):
        exams.check_order(Moody([]))


def test_a_router_that_names_no_replica_is_told_so() -> None:
    with pytest.raises(ValueError, match="sent 1 of 1 requests to replicas that do not exist"):
        exams.check_router(Nowhere())


@dataclass(frozen=True, slots=True)
class Falling:
    counts: ClassVar[str] = "user"

    def rank(self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        return -float(flows["output"].sum())


@dataclass(frozen=True, slots=True)
class Generous:
    counts: ClassVar[str] = "user"

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        flows[0].output += 1
        return 0.0


@dataclass(frozen=True, slots=True)
class Past:
    def seconds(self, now: float, request: int, requests: Array, memory: Floats) -> float:
        return 10.0 - now * 10.0


def test_an_order_whose_ranks_fall_while_requests_wait_is_told_so() -> None:
    with pytest.raises(AssertionError, match=r"request \d+ waits, and its rank falls"):
        exams.check_order(Falling())


def test_an_order_that_writes_what_the_kernel_counts_is_told_so() -> None:
    with pytest.raises(AssertionError, match="it writes a column of flows other than credit"):
        exams.check_order(Generous())


def test_a_retention_of_negative_seconds_is_told_so() -> None:
    with pytest.raises(AssertionError, match=r"the blocks of request \d+ stay for -\d"):
        exams.check_retention(Past())
