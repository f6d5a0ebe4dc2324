"""Measured serving runs, predicted from kernel profiles alone."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fidelity import APEX_BAND, PAGE, RUNS, Row, apex_runs, insert, mean_error, measured_run, noticed

pytestmark = pytest.mark.paper


@cache
def replayed(folder: Path) -> list[Row]:
    """Return the figures of a run."""
    return measured_run(folder)


@pytest.mark.parametrize("name", RUNS)
def test_every_figure_of_a_measured_run_keeps_its_band(name: str, data: Path) -> None:
    rows = replayed(data / "vllm_measured_llmservingsim" / name)
    assert sum(row.band is not None for row in rows) == 6  # three means, three 99th percentiles
    assert [f"{row.metric} {row.error:+.1f}%" for row in rows if not row.inside] == []


@pytest.mark.parametrize("name", RUNS)
def test_the_means_are_closer_than_the_best_published_simulator_has_them(name: str, data: Path) -> None:
    for row in replayed(data / "vllm_measured_llmservingsim" / name):
        if row.peer is not None:
            assert abs(row.error) < abs(row.peer)


def test_the_measured_h100_runs_keep_their_mean_error(data: Path) -> None:
    rows = apex_runs(data)
    assert len(rows) == 60
    mean, worst = mean_error(rows, "tpot mean")
    assert mean <= APEX_BAND
    assert worst < 20


def test_a_request_is_noticed_when_the_running_pass_ends() -> None:
    seen = noticed(np.array([0.0, 0.2, 1.0, 1.2, 9.0]), np.array([0.0, 1.0, 5.0]), np.array([1.0, 2.0, 6.0]))
    assert seen.tolist() == [0.0, 1.0, 1.0, 2.0, 9.0]


def test_the_page_has_a_place_for_every_table() -> None:
    names = ("runs", "apex", "apex-mean", "apex-host")
    assert insert(PAGE.read_text(), dict.fromkeys(names, "here")).count("\nhere\n") == len(names)
