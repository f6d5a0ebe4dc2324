"""The reader of step logs: what it makes of a log, and what it says of broken ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.hosts import steps
from tests.hardware.measured_passes import HEADER, log_file, log_lines, passes

GOOD: dict[str, Any] = {
    "begin": 1.0,
    "planned": 1.1,
    "computed": 1.6,
    "done": 1.7,
    "chunks": [[64, 16], [8, 0]],
    "decodes": 3,
    "context": 300,
    "longest": 120,
    "free": 9,
    "waiting": 0,
    "running": 5,
    "preempted": 0,
}


def later(seconds: float, **changes: Any) -> dict[str, Any]:
    """Return a pass so much later."""
    return {**GOOD, **{name: GOOD[name] + seconds for name in steps.TIMES}, **changes}


def test_every_pass_of_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    wanted = passes(50, 1)
    found = steps.read(log_file(tmp_path / "steps.jsonl", log_lines(wanted))).steps
    for name in ("chunk", "before", "decodes", "context", "offsets", "running"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert found.seconds[:-1] == pytest.approx(wanted.seconds[:-1])
    assert found.computing == pytest.approx(wanted.computing, abs=1e-9)


def test_a_pass_lasts_until_the_next_begins_where_requests_run_on_and_else_until_it_is_booked(tmp_path: Path) -> None:
    path = log_file(tmp_path / "steps.jsonl", [GOOD, later(1.0, running=0), later(9.0)])
    assert steps.read(path).steps.seconds == pytest.approx([1.0, 0.7, 0.7])


def test_where_the_engine_plans_ahead_a_pass_lasts_from_output_to_output(tmp_path: Path) -> None:
    path = log_file(tmp_path / "steps.jsonl", [GOOD, later(0.5), later(1.0)])
    found = steps.read(path).steps
    assert found.seconds == pytest.approx([0.7, 0.5, 0.5])
    assert np.isnan(found.computing).all()


def test_pairs_and_tokens_are_those_of_the_chunks(tmp_path: Path) -> None:
    found = steps.read(log_file(tmp_path / "steps.jsonl", [GOOD])).steps
    assert found.tokens.tolist() == [75]
    assert found.pairs.tolist() == [64 * (16 + 32) + 8 * 4]


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_half_written_last_line_is_left_out_and_told(tmp_path: Path, cut: int) -> None:
    path = log_file(tmp_path / "steps.jsonl", [GOOD, later(1.0)], end="")
    path.write_text(path.read_text()[:-cut])
    found = steps.read(path)
    assert len(found.steps) == 1
    assert found.notes == (f"{path}: line 3 was not written to its end and is left out",)


BROKEN = {
    "a half line in the middle": ('{"begin": 1.0, "pla', r"steps.jsonl:2: not JSON"),
    "a list": ("[1, 2]", r"steps.jsonl:2: expected an object"),
    "no decodes": ({**GOOD, "decodes": None}, r"steps.jsonl:2: decodes is a whole number of at least 0, found None"),
    "a fraction of a request": ({**GOOD, "running": 1.5}, r"steps.jsonl:2: running is a whole number.*1.5"),
    "a time that is text": ({**GOOD, "done": "soon"}, r"steps.jsonl:2: done is a time in seconds, found 'soon'"),
    "a chunk of nothing": ({**GOOD, "chunks": [[0, 5]]}, r"steps.jsonl:2: chunks is a list of \[tokens, before\]"),
    "an empty pass": ({**GOOD, "chunks": [], "decodes": 0}, r"steps.jsonl:2: a pass with neither"),
    "a clock that runs back": ({**GOOD, "planned": 0.5}, r"steps.jsonl:2: planned is 0.5, earlier than begin"),
    "two engines in one log": (later(5.0), r"steps.jsonl:3: begin is 2.0, earlier than that of the pass before"),
}


@pytest.mark.parametrize(("line", "said"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_line_is_told_with_file_line_field_and_value(tmp_path: Path, line: Any, said: str) -> None:
    path = log_file(tmp_path / "steps.jsonl", [line if isinstance(line, dict) else {}, later(1.0)])
    if isinstance(line, str):
        path.write_text(path.read_text().replace("{}", line))
    with pytest.raises(ValueError, match=said):
        steps.read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, r":1: format is 'other', not 'evenly-steps'"),
        ({"version": 7}, r":1: version is 7, this evenly reads 1"),
        ({"block": 0}, r":1: block is a whole number of at least 1, found 0"),
        ({"engine": None}, r":1: engine is text, found None"),
    ],
)
def test_a_header_of_something_else_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        steps.read(log_file(tmp_path / "steps.jsonl", [GOOD], {**HEADER, **change}))


def test_a_log_without_passes_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no passes"):
        steps.read(log_file(tmp_path / "steps.jsonl", []))
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match="format is None"):
        steps.read(tmp_path / "empty.jsonl")
    with pytest.raises(ValueError, match="No such file"):
        steps.read(tmp_path / "nowhere.jsonl")
