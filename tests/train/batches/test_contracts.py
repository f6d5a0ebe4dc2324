"""Every plug-in for sequences sits the exam of its room, and an exam notices what it is there to notice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.balance.packers import packers
from evenly.core import Floats, Ints
from evenly.testing import batches as exams
from evenly.testing import plugin
from evenly.train.batches.corpora import corpora
from evenly.train.batches.corpora.file import File
from evenly.train.batches.dealers import Step, dealers
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts import efforts
from evenly.train.context.layouts import layouts

ROOMS: list[tuple[Any, Any]] = [
    (corpora, exams.check_corpus),
    (dealers, exams.check_dealer),
    (efforts, exams.check_effort),
    (packers, exams.check_packer),
    (layouts, exams.check_layout),
]
CASES = [(catalog, exam, name) for catalog, exam in ROOMS for name in catalog]


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=[f"{c.noun}-{n}" for c, _, n in CASES])
def test_every_plugin_passes_the_exam_of_its_room(catalog: Any, exam: Any, name: str, tmp_path: Path) -> None:
    example = None
    if catalog[name] is File:
        path = tmp_path / "lengths.txt"
        path.write_text("3\n5\n8\n")
        example = File(str(path))
    exam(example or catalog[name]())
    plugin.check(catalog, name, example)


def test_micro_batches_pass_the_exam_too() -> None:
    exams.check_dealer(Partitioned(max_tokens=700))
    exams.check_dealer(Partitioned(max_tokens=700, multiple=2))


@dataclass(frozen=True, slots=True)
class Forgets:
    def deal(self, lengths: Ints, costs: Floats, ranks: int, batch: int, start: int = 0) -> Iterator[Step]:
        for first in range(start * ranks * batch, len(lengths) - ranks * batch + 1, ranks * batch):
            yield [[np.arange(first + r * batch, first + (r + 1) * batch - 1)] for r in range(ranks)]


def test_a_dealer_that_forgets_a_sequence_fails_its_exam() -> None:
    with pytest.raises(AssertionError, match="dealt twice or never"):
        exams.check_dealer(Forgets())
