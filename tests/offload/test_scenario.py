"""Scenarios of kind offload: figures, load, report, trace of experts."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document, Outcome
from evenly.offload.results import METRICS
from evenly.offload.scenario import OffloadScenario
from evenly.report.charts.experts import LAYERS, experts
from evenly.report.exports.perfetto import Perfetto
from evenly.report.page import render
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of

TEXT = "kind: offload\nmodel: olmoe-1b-7b\npasses: 12\ncalibration: 20\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


def test_the_load_is_the_work_of_each_side_in_each_pass(outcome: Outcome) -> None:
    assert outcome.load.work.shape == (12, 3)
    assert outcome.load.span is not None
    assert outcome.load.span.mean() == pytest.approx(outcome.metrics["pass_mean"])
    busy = [outcome.metrics[f"{side}_busy"] for side in ("cpu", "device", "link")]
    assert (outcome.load.total / outcome.load.span.sum()).tolist() == pytest.approx(busy)
    assert outcome.metrics["throughput"] == pytest.approx(1 / outcome.metrics["pass_mean"])


def test_memory_of_both_sides_is_that_of_the_experts() -> None:
    base = OffloadScenario(model="olmoe-1b-7b", passes=12, calibration=20)
    every = 16 * 64 * 3 * 2048 * 1024 / 2 / 1e9  # gigabytes of all experts at 4 bits
    found = base.run().metrics
    static = (
        scenario_of(Document.parse(TEXT + "scheduler: static-map\ncache: fixed\nprefetch: nothing\n")).run().metrics
    )
    assert static["device_memory"] == pytest.approx(every / 4)
    assert static["host_memory"] == pytest.approx(3 * every / 4), "what the device holds for good needs no copy"
    assert found["host_memory"] == pytest.approx(every)
    assert found["device_memory"] >= 0.999 * every / 4


def test_a_prompt_is_one_pass() -> None:
    found = OffloadScenario(model="olmoe-1b-7b", phase="prefill", prompt=16, passes=2, calibration=20).run()
    assert found.metrics["throughput"] == pytest.approx(16 / found.metrics["pass_mean"])


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert again.items["expert"].tolist() == outcome.items["expert"].tolist()
    assert "Who computes which expert" in render([again], title="t", metrics=METRICS)
    (panel,) = experts([again])
    assert len({bar["layer"] for bar in panel["data"]["values"]}) == LAYERS


def test_the_trace_has_a_row_for_each_side_and_no_two_experts_at_once_in_it(outcome: Outcome, tmp_path: Path) -> None:
    found = json.loads(Perfetto().write(outcome, tmp_path).read_text())["traceEvents"]
    spans = [event for event in found if event["ph"] == "X"]
    names = {event["tid"]: event["args"]["name"] for event in found if event["name"] == "thread_name"}
    assert names == {0: "CPU", 1: "device", 2: "link"}
    assert len(spans) == len(outcome.items["begin"])
    for row in names:
        mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["tid"] == row)
        assert mine
        assert all(end <= begin + 1e-3 for (_, end), (begin, _) in pairwise(mine))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ratio=0.1", "ratio is 0.125 to 1, so that the experts of a token fit, not 0.1"),
        ("ratio=1.5", "ratio is"),
        ("passes=0", "passes, prompt and calibration are at least 1, not 0"),
        ("passes=1000000", "cells of layers and experts, at most"),
        ("bits=7", "bits is one of 2, 3, 4, 5, 6, 8, 16, 32, not 7"),
        ("model=llama-3-8b", "model 'llama-3-8b' has no experts"),
        ("scheduler=hybird", "no 'hybird' among schedulers; did you mean 'hybrid'"),
        ("costs={token: -1.0}", "token is seconds"),
        ("routing={use: recorded, path: nothing.npz}", "no file 'nothing.npz' with a recorded routing"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change)).run()


def test_equal_scenarios_give_equal_outcomes(outcome: Outcome) -> None:
    again = scenario_of(Document.parse(TEXT)).run()
    assert np.array_equal(again.load.work, outcome.load.work)


def test_the_guard_takes_pure_offloading_where_the_cpu_is_slower_than_believed() -> None:
    slow = "costs: {token: 80.0e-3, first: 79.0e-3}\nbelieved: {}\n"
    hybrid, guarded, pure = (
        scenario_of(Document.parse(TEXT + slow + more)).run().metrics["pass_mean"]
        for more in ("", "guard: true\n", "scheduler: on-demand\nprefetch: adaptive\n")
    )
    assert guarded <= 1.05 * pure < 0.5 * hybrid
    calm = scenario_of(Document.parse(TEXT + "guard: true\n")).run().metrics["pass_mean"]
    assert calm == scenario_of(Document.parse(TEXT)).run().metrics["pass_mean"]
