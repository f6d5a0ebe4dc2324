"""`evenly measure` on the lengths of a data set."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.user import evenly


@pytest.fixture
def lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0).integers(1, 513, 400)
    path = tmp_path / "data.jsonl"
    path.write_text("".join(f'{{"length": {length}}}\n' for length in drawn))
    return path


def test_measure_tells_padding_waiting_ranks_and_what_deals_save(lengths: Path) -> None:
    said = evenly("measure", str(lengths), "--ranks", "4", "--batch", "8")
    assert said.code == 0, said.err
    assert "On 4 ranks of 8" in said.out.replace("\n", " ")
    page = Path("runs/data-measured/report.html")
    assert "Ranks that wait" in page.read_text(encoding="utf-8")


def test_its_json_holds_the_figures_of_every_partitioner(lengths: Path) -> None:
    said = evenly("measure", str(lengths), "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    rows = {row["partitioner"]: row for row in found["ranks"]}
    assert rows["blocks"]["faster"] == 1
    assert rows["longest-first"]["busiest_rank"] < rows["snake"]["busiest_rank"] < rows["blocks"]["busiest_rank"]
    assert found["data_set"]["sequences"] == 400
    assert evenly("measure", str(lengths), "--json").out == said.out


def test_a_mistake_ends_with_one_line_and_code_2(lengths: Path) -> None:
    lengths.write_text('{"length": 0}\n')
    said = evenly("measure", str(lengths))
    assert said.code == 2
    assert "data.jsonl: row 1: length is a whole number from 1, found 0" in said.err
    assert evenly("measure", str(lengths), "--ranks", "0").code == 2
