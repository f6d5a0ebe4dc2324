"""Every plug-in for experts of a layer sits the exam of its room, and an exam notices what it is there to notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.core import Floats
from evenly.testing import experts as exams
from evenly.testing import plugin
from evenly.train.experts.affinities import Shape, affinities
from evenly.train.experts.affinities.counted import Counted
from evenly.train.experts.affinities.recorded import Recorded
from evenly.train.experts.assignments import assignments
from evenly.train.experts.balancers import Seen, balancers

EVERY = [(catalog, name) for catalog in (affinities, assignments, balancers) for name in catalog]


@pytest.fixture
def examples(tmp_path: Path) -> dict[str, Any]:
    counts, recording = tmp_path / "counts.csv", tmp_path / "recorded.npz"
    rows = [f"{layer},{expert},{100 + 50 * expert}" for layer in (0, 7) for expert in range(exams.SHAPE.experts)]
    counts.write_text("layer,expert,count\n" + "\n".join(rows) + "\n")
    np.savez(recording, scores=np.random.default_rng(0).random((100, 2, exams.SHAPE.experts)))
    return {"counted": Counted(str(counts)), "recorded": Recorded(str(recording))}


@pytest.mark.parametrize(("catalog", "name"), EVERY, ids=[f"{c.noun}-{n}" for c, n in EVERY])
def test_every_plugin_has_the_form_of_a_plugin(catalog: Any, name: str, examples: dict[str, Any]) -> None:
    plugin.check(catalog, name, examples.get(name))


@pytest.mark.parametrize("name", affinities)
def test_every_affinity_passes_its_exam(name: str, examples: dict[str, Any]) -> None:
    exams.check_affinity(examples.get(name) or affinities[name](), seeded=name != "recorded")


@pytest.mark.parametrize("name", assignments)
def test_every_assignment_passes_its_exam(name: str) -> None:
    exams.check_assignment(assignments[name]())


@pytest.mark.parametrize("name", balancers)
def test_every_balancer_passes_its_exam(name: str) -> None:
    exams.check_balancer(balancers[name]())


@dataclass(frozen=True, slots=True)
class First:
    def update(self, prices: Floats, seen: Seen) -> Floats:
        return np.asarray(prices - np.eye(len(prices))[0])


def test_a_balancer_that_looks_at_places_fails_its_exam() -> None:
    with pytest.raises(AssertionError, match="order of experts matters"):
        exams.check_balancer(First())


def test_rules_that_look_at_scores_say_so_where_there_are_none() -> None:
    for name in ("quantile", "newton"):
        with pytest.raises(ValueError, match=f"{name} looks at the scores of experts.*take sign or proportional"):
            balancers[name]().update(np.zeros(3), Seen(np.array([3, 2, 1]), 1))


def test_popularity_is_that_which_was_counted(examples: dict[str, Any]) -> None:
    from evenly.train.experts.routing import routed

    wanted = examples["counted"].counts(exams.SHAPE.experts)[0]
    shape = Shape(1, 20_000, exams.SHAPE.experts, 2)
    seen, _ = routed(examples["counted"].draw(shape, 0, 0, 0), np.zeros(shape.experts), 2)
    assert seen / seen.sum() == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer,expert\n0,1\n", "has no counts by layer and expert"),
        ("layer,expert,count\n0,3,5\n", "counts 4 experts a layer, not 8"),
    ],
)
def test_counts_that_cannot_be_read_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Counted(str(path)).draw(exams.SHAPE, 0, 0, 0)


def test_recordings_that_cannot_be_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    with pytest.raises(ValueError, match="no file"):
        Recorded(str(path)).draw(exams.SHAPE, 0, 0, 0)
    for scores, message in (
        (np.full((100, 2, 8), 2.0), "not a number from 0 to 1"),
        (np.zeros((100, 8)), r"shape \[token, layer, expert\]"),
        (np.zeros((10, 2, 8)), "records 10 tokens, a step has 48"),
        (np.zeros((100, 2, 4)), "2 layers of 4 experts, 2 of 8"),
    ):
        np.savez(path, scores=scores)
        with pytest.raises(ValueError, match=message):
            Recorded(str(path)).draw(exams.SHAPE, 0, 0, 0)
