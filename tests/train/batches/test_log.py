"""The log of a training is read as it was written, and what is none is refused by its line."""

from pathlib import Path

import numpy as np
import pytest

from evenly.train.batches import log
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.fitting import entries, fit, unseen


def test_what_was_written_is_read(tmp_path: Path) -> None:
    parts, seconds = [np.array([512, 37]), np.array([9])], [0.25, 0.5]
    path = tmp_path / "micro.jsonl"
    path.write_text(log.text(parts, seconds))
    assert log.recognises(path)
    lengths, taken = log.read([path, path])
    assert [part.tolist() for part in lengths] == [[512, 37], [9]] * 2
    assert taken.tolist() == seconds * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"lengths": [], "seconds": 1}', "2: lengths are whole numbers of at least 1, found \\[\\]"),
        ('{"lengths": [1.5], "seconds": 1}', "2: lengths are whole numbers"),
        ('{"lengths": [true], "seconds": 1}', "2: lengths are whole numbers"),
        ('{"lengths": [4], "seconds": 0}', "2: seconds is a number above 0, found 0"),
        ('{"lengths": [4], "seconds": NaN}', "2: seconds is a number above 0, found nan"),
        ('{"lengths": [4]}', "2: seconds is a number above 0, found None"),
        ("[4]", "2: expected an object"),
        ("{", "2: not JSON"),
    ],
)
def test_a_broken_line_is_told_with_the_remedy(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "micro.jsonl"
    path.write_text(f'{{"lengths": [4], "seconds": 1}}\n{line}\n')
    with pytest.raises(ValueError, match=f"micro.jsonl:{message}.*write a line a micro-batch"):
        log.read([path])


def test_a_file_without_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("\n")
    assert not log.recognises(path)
    with pytest.raises(ValueError, match="no micro-batches"):
        log.read([path])


def test_each_half_foretells_the_other_where_both_follow_one_law() -> None:
    chance, cost = np.random.default_rng(0), Quadratic(1e-4, 1000)
    parts = [chance.integers(10, 4000, 4) for _ in range(40)]
    seconds = np.array([0.01 + cost.seconds(part).sum() for part in parts])
    assert unseen(parts, seconds) < 1e-3
    assert np.isnan(unseen(parts[:6], seconds[:6]))
    assert entries(fit(parts, seconds))["cost"]["use"] == "quadratic"
