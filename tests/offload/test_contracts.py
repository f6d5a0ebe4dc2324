"""Every plug-in for experts sits the exam of its room, and an exam notices what it is there to notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from evenly.core import Floats, Ints
from evenly.offload.caches import caches
from evenly.offload.prefetches import prefetches
from evenly.offload.routings import routings
from evenly.offload.routings.popular import Popular
from evenly.offload.routings.recorded import Recorded
from evenly.offload.schedulers import schedulers
from evenly.testing import offload as exams
from evenly.testing import plugin

ROOMS: list[tuple[Any, Any]] = [
    (schedulers, exams.check_scheduler),
    (caches, exams.check_cache),
    (prefetches, exams.check_prefetch),
]
CASES = [(catalog, exam, name) for catalog, exam in ROOMS for name in catalog]
EVERY = [(catalog, name) for catalog in (schedulers, caches, prefetches, routings) for name in catalog]


@pytest.fixture
def counts(tmp_path: Path) -> str:
    path = tmp_path / "counts.csv"
    rows = [f"{layer},{expert},{100 + 50 * expert}" for layer in (0, 3) for expert in range(exams.SHAPE.experts)]
    path.write_text("layer,expert,count\n" + "\n".join(rows) + "\n")
    return str(path)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    chance = np.random.default_rng(0)
    scores = chance.random((6, exams.SHAPE.layers, exams.SHAPE.experts))
    path = tmp_path / "recorded.npz"
    np.savez(path, scores=scores / scores.sum(axis=2, keepdims=True))
    return str(path)


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=[f"{c.noun}-{n}" for c, _, n in CASES])
def test_every_plugin_passes_the_exam_of_its_room(catalog: Any, exam: Any, name: str) -> None:
    exam(catalog[name]())


@pytest.mark.parametrize(("catalog", "name"), EVERY, ids=[f"{c.noun}-{n}" for c, n in EVERY])
def test_every_plugin_has_the_form_of_a_plugin(catalog: Any, name: str) -> None:
    plugin.check(catalog, name)


def test_every_routing_passes_its_exam(counts: str, recording: str) -> None:
    examples: dict[str, Any] = {"popular": Popular(counts), "recorded": Recorded(recording, error=1.0)}
    for name in routings:
        exams.check_routing(examples.get(name) or routings[name]())


@dataclass(frozen=True, slots=True)
class Twice:
    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        for e in range(len(loads)):
            plan[e, 0], plan[e, 1], plan[e, 2], plan[e, 3], plan[e, 4] = 0.0, 0.0, 1.0, np.nan, ready[e]
        return 1.0


@dataclass(frozen=True, slots=True)
class Late:
    reach: ClassVar[int] = 2
    patient: ClassVar[bool] = False

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        return -gain


def test_a_plan_that_cannot_be_carried_out_fails_the_exam() -> None:
    with pytest.raises(AssertionError, match=r"twice or not at all|cannot be carried out"):
        exams.check_scheduler(Twice())


def test_a_prefetch_that_values_what_gains_least_fails_its_exam() -> None:
    with pytest.raises(AssertionError, match="more gain is worth less"):
        exams.check_prefetch(Late())
