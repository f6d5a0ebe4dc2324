"""Run folders: complete or absent."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from evenly.core import Document, Load, Outcome
from evenly.sweep import folder

OUTCOME = Outcome(
    "ü/..",
    {"ttft_p99": 0.25, "energy": math.nan},
    Load(np.array([[1.0, 2.0], [0.5, 0.0]]), np.array([2.0, 2.0]), "busy seconds", "replica"),
    {"arrival": np.array([0.0, 1.5]), "prompt": np.array([3, 4])},
    {"timeline": {"time": np.array([1.0, 2.0]), "kv": np.array([0.5, math.nan])}},
    {"model": "x", "kv_tokens": 7},
)
DOCUMENT = Document({"kind": "serve", "name": "1e9", "same": [1], "again": [1]})


def test_an_outcome_is_read_back_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "a 'b' [c] *" / "run"
    folder.write(OUTCOME, DOCUMENT, place)
    again = folder.read(place)
    assert (again.label, again.facts) == (OUTCOME.label, OUTCOME.facts)
    np.testing.assert_equal(dict(again.metrics), dict(OUTCOME.metrics))
    np.testing.assert_array_equal(again.load.work, OUTCOME.load.work)
    np.testing.assert_array_equal(again.load.span, OUTCOME.load.span)
    np.testing.assert_equal(dict(again.items), dict(OUTCOME.items))
    np.testing.assert_equal(again.series["timeline"], dict(OUTCOME.series["timeline"]))
    assert folder.document_of(place).raw == DOCUMENT.raw


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(yaml.YAMLError, match="cannot represent"):
        folder.write(OUTCOME, Document({"kind": object()}), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_process_wrote_meanwhile_stays(tmp_path: Path) -> None:
    folder.write(OUTCOME, DOCUMENT, tmp_path / "run")
    folder.write(OUTCOME, DOCUMENT, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("damage", ["items.parquet", "load.parquet", "marks.json"])
def test_a_damaged_run_says_what_to_do(tmp_path: Path, damage: str) -> None:
    folder.write(OUTCOME, DOCUMENT, tmp_path / "run")
    (tmp_path / "run" / damage).write_bytes(b"{")
    with pytest.raises(ValueError, match=r"damaged|no readable marks\.json"):
        folder.read(tmp_path / "run")


def test_drafts_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    code = "from evenly.sweep import folder; import tempfile; tempfile.mkdtemp(prefix=folder._draft(), dir='.')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    (dead,) = tmp_path.iterdir()
    (dead / "marks.json").write_text("{}")
    mine = tmp_path / f"{folder._draft()}x"
    elsewhere = tmp_path / ".draft-otherhost-1-x"
    mine.mkdir()
    elsewhere.mkdir()
    folder.prepare(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere])
    assert f"-{os.getpid()}-" in mine.name


def test_a_place_that_cannot_be_written_says_so_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written: Not a directory"):
        folder.prepare(tmp_path / "file" / "out")
    with pytest.raises(ValueError, match="cannot be written: File exists"):
        folder.write_text(tmp_path / "file" / "report.html", "x")
