"""Scenarios of kind checkpoint: figures, load, report, trace of lanes."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from evenly.core import Document, Outcome
from evenly.report.charts.checkpoints import checkpoints
from evenly.report.exports.perfetto import Perfetto
from evenly.report.page import render
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of
from evenly.testing.checkpoint import check_saver
from evenly.train.checkpoint.results import METRICS
from evenly.train.checkpoint.savers import savers

TEXT = "kind: checkpoint\nsteps: 300\ninterval: 3\nmtbf: 60.0\nrestart: 2.0\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


@pytest.mark.parametrize("name", savers)
def test_every_saver_passes_the_exam_of_its_room(name: str) -> None:
    check_saver(savers[name]())


def test_the_exam_notices_an_update_that_tears_a_copy() -> None:
    class Torn:
        serialises: ClassVar[bool] = False

        def hold(self, begin: float, copied: Any, written: Any) -> Any:
            return begin, copied - 0.5

    with pytest.raises(AssertionError, match="updated before it is copied"):
        check_saver(Torn())


def test_the_load_is_the_work_of_device_copier_and_writer_in_each_step(outcome: Outcome) -> None:
    assert outcome.load.work.shape == (300, 3)
    assert outcome.load.span is not None
    assert np.allclose(outcome.load.work[:, 0], 0.5)
    assert (outcome.load.work <= outcome.load.span[:, None] + 1e-9).all()


def test_goodput_is_work_over_time_and_failures_cost_it(outcome: Outcome) -> None:
    assert outcome.metrics["goodput"] == pytest.approx(300 * 0.5 / outcome.metrics["total"])
    calm = scenario_of(Document.parse(TEXT).override("mtbf=.inf")).run().metrics
    assert calm["failures"] == 0 < outcome.metrics["failures"]
    assert outcome.metrics["goodput"] < calm["goodput"] == pytest.approx(1.0, abs=0.01)


def test_an_interval_that_is_left_out_is_derived_and_told() -> None:
    made = scenario_of(Document.parse("kind: checkpoint\nsaver: torch-save\nmtbf: 3600.0\n")).run()
    assert made.metrics["interval"] > 1
    assert "by Young and Daly" in str(made.facts["interval, steps"])


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert again.items["end"].tolist() == outcome.items["end"].tolist()
    assert "What a checkpoint holds up" in render([again], title="t", metrics=METRICS)
    (panel,) = checkpoints([again])
    assert {bar["what"] for bar in panel["data"]["values"]} == {"forward and backward", "update", "copy", "write"}


def test_the_trace_has_a_row_for_each_lane_and_one_thing_at_a_time_in_it(outcome: Outcome, tmp_path: Path) -> None:
    found = json.loads(Perfetto().write(outcome, tmp_path).read_text())["traceEvents"]
    spans = [event for event in found if event["ph"] == "X"]
    assert {event["tid"] for event in spans} == {0, 1, 2}
    for row in range(3):
        mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["tid"] == row)
        assert all(end <= begin + 1e-3 for (_, end), (begin, _) in pairwise(mine))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("state=0.0", "state is above 0, not 0"),
        ("state=.inf", "state is a number, not infinite"),
        ("copy=-1.0", "copy is above 0, not -1"),
        ("update=-1.0", "update is at least 0 seconds, not -1"),
        ("buffer=0.5", "buffer is 1 to 1000 states, not 0.5"),
        ("interval=301", "interval is 1 to the 300 steps of the run, not 301"),
        ("steps=0", "steps is 1 to"),
        ("saver=lazi", "no 'lazi' among savers; did you mean 'lazy'"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change))


def test_equal_scenarios_give_equal_outcomes(outcome: Outcome) -> None:
    again = scenario_of(Document.parse(TEXT)).run()
    assert again.metrics == outcome.metrics
    other = scenario_of(Document.parse(TEXT).override("seed=1")).run()
    assert other.metrics["total"] != outcome.metrics["total"]
