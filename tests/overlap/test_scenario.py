"""Scenarios of kind overlap: figures, load, report, trace of operations."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document, Outcome
from evenly.hardware.overlap.profile import RESOURCES
from evenly.overlap.scenario import METRICS, OverlapScenario
from evenly.report.charts.schedule import LAYERS, schedule
from evenly.report.exports.perfetto import Perfetto
from evenly.report.page import render
from evenly.sweep.execute import one
from evenly.sweep.folder import read, write
from evenly.sweep.plan import cells
from evenly.sweep.scenarios import scenario_of

ROOT = Path(__file__).parents[2]
TEXT = "kind: overlap\nmodel: llama-3-8b\ntensor: 1\nrestarts: 1\nmoves: 500\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


def test_the_load_is_the_work_of_each_resource_over_time(outcome: Outcome) -> None:
    total = outcome.load.total
    assert outcome.load.span is not None
    assert (outcome.load.work <= outcome.load.span[:, None] * (1 + 1e-9)).all()
    seconds = outcome.metrics["period"] * 32
    assert outcome.load.span.sum() == pytest.approx(seconds)
    busy = [outcome.metrics[f"{name}_busy"] for name in RESOURCES]
    assert (total / seconds).tolist() == pytest.approx(busy)


def test_throughput_is_the_batch_over_the_period_of_all_layers(outcome: Outcome) -> None:
    assert outcome.metrics["throughput"] == pytest.approx(1024 / (32 * outcome.metrics["period"]))


def test_the_gallery_says_what_its_runs_print() -> None:
    document = Document.read(ROOT / "scenarios" / "nanoflow.yaml")
    figures = {cell.label: one(cell, None).metrics["period"] * 1e3 for cell in cells(document)}
    said = " ".join((ROOT / "scenarios" / "nanoflow.yaml").read_text(encoding="utf-8").split("kind:")[0].split("# "))
    for label, text in (
        ("nano-only", "a layer takes {} ms;"),
        ("nanoflow", "side by side {} ms"),
        ("nanoflow, no interference", "and {} ms if they did not"),
        ("sequential", "it takes {} ms"),
    ):
        assert text.format(f"{figures[label]:.2f}") in said.replace("\n", "")
    assert figures["nanoflow, no interference"] < figures["nanoflow"] <= figures["network-only"] < figures["nano-only"]


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert again.items["operation"].tolist() == outcome.items["operation"].tolist()
    assert "What runs when" in render([again], title="t", metrics=METRICS)
    (panel,) = schedule([again])
    layers = {bar["layer"] for bar in panel["data"]["values"]}
    assert len(layers) == LAYERS


def test_the_trace_of_operations_has_a_row_for_each_resource_and_no_two_at_once_in_it(
    outcome: Outcome, tmp_path: Path
) -> None:
    found = json.loads(Perfetto().write(outcome, tmp_path).read_text())["traceEvents"]
    spans = [event for event in found if event["ph"] == "X"]
    names = {event["tid"]: event["args"]["name"] for event in found if event["name"] == "thread_name"}
    assert len(spans) == len(outcome.items["begin"])
    assert set(names.values()) == {"compute", "memory"}
    for row in names:
        mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["tid"] == row)
        assert all(end <= begin + 1e-6 for (_, end), (begin, _) in pairwise(mine))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("batch=100", "batch is at least 256 tokens"),
        ("decode=5000", "decode is 0 to 1024"),
        ("context=0", "context is at least 1"),
        ("restarts=0", "restarts is at least 1"),
        ("moves=0", "moves 1 to"),
        ("model=phi-4", "no measured operations of phi-4"),
        ("overlap=some", "overlap"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change))


def test_equal_scenarios_give_equal_outcomes(outcome: Outcome) -> None:
    again = scenario_of(Document.parse(TEXT)).run()
    assert np.array_equal(again.load.work, outcome.load.work)
    assert isinstance(OverlapScenario().check(), OverlapScenario)
