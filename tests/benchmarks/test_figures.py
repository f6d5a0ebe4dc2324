"""The harness's arithmetic: limits, rounding, files of results and the page."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration import Machine, peak_gib, spent
from benchmarks.figures import Figure, keep, publish, table
from benchmarks.fleet import bursty
from benchmarks.peers.run import HASHED, unshared
from benchmarks.turns import ratio, taken
from evenly.core import Trace

MACHINE = Machine("a processor", 2, 24.0, "3.11", "2.0", 0.0, calibration=0.5)


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "inside"),
    [(1.0, 1.0, False, True), (1.1, 1.0, False, False), (1.1, 1.0, True, True), (0.9, 1.0, True, False)],
)
def test_a_limit_holds_on_its_own_side(value: float, limit: float, at_least: bool, inside: bool) -> None:
    assert Figure("x", value, "s", limit, at_least).inside is inside


def test_a_figure_without_limit_is_always_inside() -> None:
    assert Figure("x", 1e9, "s").inside


def test_seconds_are_shown_as_calibration_loops_and_other_units_are_not() -> None:
    assert Figure("x", 2.0, "CPU s", 3.0).row(0.5) == "| x | 2 CPU s | ≤ 3 CPU s | 4 | kept |"
    assert Figure("x", 2.0, "GiB", 1.0).row(0.5) == "| x | 2 GiB | ≤ 1 GiB |  | **missed** |"


def test_several_rounds_are_shown_by_their_median_with_the_least_and_the_greatest() -> None:
    figure = Figure.of("ratio", [1.0, 3.0, 1.2], "x", 1.1, at_least=True)
    assert figure.row(0.5) == "| ratio | 1.2 x (1 to 3) | ≥ 1.1 x |  | kept |"


def test_pieces_of_work_take_turns_and_are_compared_round_by_round() -> None:
    done: list[str] = []
    times = taken({name: lambda name=name: done.append(name) for name in ("a", "b")}, rounds=2)  # type: ignore[misc]
    assert done == ["a", "b"] * 3  # the first round warms up
    assert [len(found) for found in times.values()] == [2, 2]
    assert ratio("a over b", {"a": [2.0, 3.0, 8.0], "b": [1.0, 2.0, 4.0]}, "a", "b").value == 2.0


def test_results_are_kept_and_the_page_is_renewed_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- fleet -->\nold\n<!-- /fleet -->\nafter\n")
    path = keep("fleet", [Figure("all", 2.0, "CPU s", 3.0)], MACHINE, tmp_path)
    publish(page, tmp_path)
    text = page.read_text()
    assert "old" not in text
    assert table(path) in text
    assert text.startswith("before\n<!-- fleet -->")
    assert text.endswith("<!-- /fleet -->\nafter\n")
    assert not list(tmp_path.glob("*.partial"))


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- fleet -->\n<!-- /fleet -->\n")
    keep("fleet", [Figure("all", 2.0, "CPU s", 3.0)], MACHINE, tmp_path)
    publish(page, tmp_path)
    once = page.read_text()
    publish(page, tmp_path)
    assert page.read_text() == once


def test_cpu_time_never_runs_backwards_and_memory_is_counted_in_gib() -> None:
    begin = spent()
    np.sort(np.random.default_rng(0).random(200_000))
    assert spent() >= begin
    assert 0.01 < peak_gib() < 64


def test_the_bursty_trace_has_its_mean_rate_and_is_burstier_than_poisson() -> None:
    trace = bursty(200_000, 2.0, seed=1)  # more than a day, so that the tides cancel
    gaps = np.diff(trace.arrival)
    assert len(trace) == 200_000
    assert 1.7 < 1 / gaps.mean() < 2.3
    assert gaps.std() / gaps.mean() > 1.2
    assert np.array_equal(trace.arrival, bursty(200_000, 2.0, seed=1).arrival)


def test_the_peer_gets_a_fresh_hash_for_every_block_of_every_prompt() -> None:
    trace = Trace(np.array([0.0, 1.0]), np.array([HASHED + 1, HASHED]), np.array([2, 2]))
    prefixes = unshared(trace).prefixes
    assert prefixes is not None
    assert prefixes.offsets.tolist() == [0, 2, 3]
    assert len(set(prefixes.ids.tolist())) == 3
