"""Scenarios of kind pipeline: figures, load, page, trace, measured runs, and mistakes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document, Outcome
from evenly.report.charts.pipeline import MOST, pipeline
from evenly.report.exports.perfetto import Perfetto
from evenly.report.page import render
from evenly.sweep.execute import one
from evenly.sweep.folder import read, write
from evenly.sweep.plan import cells
from evenly.sweep.scenarios import scenario_of
from evenly.train.pipeline.results import METRICS
from evenly.train.pipeline.runs import PUBLISHED, rows
from evenly.train.pipeline.scenario import PipelineScenario
from evenly.train.pipeline.timings.given import Given
from evenly.train.pipeline.timings.measured import Measured
from evenly.train.pipeline.work import Shape, layers

TEXT = "kind: pipeline\ndevices: 4\nlayers: 8\nplacement: two-barriers\nmicro_batches: 12\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


def test_the_load_is_the_work_of_each_device_over_the_step(outcome: Outcome) -> None:
    assert outcome.load.span is not None
    assert outcome.load.span.sum() == pytest.approx(outcome.metrics["step"])
    assert (outcome.load.work <= outcome.load.span[:, None] * (1 + 1e-9)).all()
    table = outcome.series["pipeline"]
    busy = np.bincount(table["device"], table["end"] - table["time"])
    assert outcome.load.total == pytest.approx(busy)
    assert outcome.metrics["bubble"] == pytest.approx(1 - busy.mean() / outcome.metrics["step"])


def test_passes_of_a_device_do_not_overlap(outcome: Outcome) -> None:
    table = outcome.series["pipeline"]
    for device in range(4):
        mine = table["device"] == device
        assert (table["time"][mine][1:] >= table["end"][mine][:-1] - 1e-12).all()


def test_figures_follow_from_the_step(outcome: Outcome) -> None:
    assert outcome.metrics["throughput"] == pytest.approx(12 * 2048 / outcome.metrics["step"])
    assert 0 < outcome.metrics["mfu"] < 0.63
    assert outcome.metrics["live"] == 6


def test_stated_times_know_no_utilisation() -> None:
    found = PipelineScenario(timing=Given(forward=(1.0,), input=(1.0,), weight=(1.0,)), micro_batches=64).run()
    assert found.metrics["step"] == pytest.approx(71 * 3)
    assert np.isnan(found.metrics["mfu"])


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert again.series["pipeline"]["pass"].tolist() == outcome.series["pipeline"]["pass"].tolist()
    (spec,) = pipeline([again])
    assert 0 < len(spec["data"]["values"]) <= MOST
    assert "Who computes which pass" in render([outcome], title="t", metrics=METRICS)
    events = json.loads(Perfetto().write(outcome, tmp_path).read_text())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == len(outcome.series["pipeline"]["time"])


def test_the_gallery_says_what_its_runs_print() -> None:
    path = Path(__file__).parents[3] / "scenarios" / "vocabulary-parallelism.yaml"
    found = {cell.label: one(cell, None).metrics for cell in cells(Document.read(path))}
    assert found["ends"]["step"] > found["redistributed"]["step"] > 1.2 * found["one-barrier"]["step"]
    assert found["redistributed"]["memory"] == pytest.approx(found["ends"]["memory"], rel=0.1)
    assert found["one-barrier"]["memory"] < 0.75 * found["redistributed"]["memory"]
    assert found["V-Half, two-barriers"]["memory"] < found["two-barriers"]["memory"]
    assert "costs as much as six layers" in path.read_text(encoding="utf-8").replace("\n# ", " ")
    assert round(PipelineScenario().shape.head) == 6


def test_layers_move_away_from_a_large_vocabulary_as_in_the_measured_runs() -> None:
    shape = Shape(layers=32, hidden=3072, sequence=2048, vocabulary=256_000, batch=1)
    dealt = layers(shape, 8, "redistributed")
    (row,) = (r for r in rows() if (r.method, r.vocabulary, r.sequence) == ("redis", 256_000, 2048))
    more = row.forward > 1.1 * np.median(row.forward[:3])
    assert (dealt[:-1] > 4).tolist() == more[:-1].tolist()
    assert dealt.sum() == 32


def test_every_measured_run_is_simulated_within_three_percent() -> None:
    scenario = PipelineScenario(timing=Measured(), micro_batches=128)
    for row, placement in zip(
        rows(), ("ends", "redistributed", "one-barrier", "two-barriers", "interlaced") * 8, strict=True
    ):
        ours = replace(scenario, placement=placement, vocabulary=row.vocabulary, sequence=row.sequence).run()  # type: ignore[arg-type] # listed above
        assert ours.metrics["step"] == pytest.approx(row.iteration, rel=0.03)


def test_a_vocabulary_levels_what_layers_leave_uneven() -> None:
    even = PipelineScenario(layers=30, placement="two-barriers", micro_batches=64)
    level = replace(even, shards="level")
    figures = [scenario.run().metrics for scenario in (even, level)]
    assert figures[0]["uneven"] > 1.05
    assert figures[1]["uneven"] < 1.01
    assert figures[1]["step"] < 0.96 * figures[0]["step"]
    assert level.work().shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("shards: level\nplacement: ends", "shards 'level' needs a sharded vocabulary, not placement 'ends'"),
        ("devices: 0", "devices is at least 1, not 0"),
        ("devices: 64", "64 stages need as many layers, not 8"),
        ("schedule: zb-h1", "placement 'two-barriers' is not one of the schedule's: ends, redistributed"),
        ("timing: {use: given, forward: [1.0, 2.0]}", "forward has one value, or one for each of 4 stages, not 2"),
        ("timing: measured", "no measured run with method vocab-1, vocabulary 256000"),
        ("timing: {use: flops, efficiency: 0.0}", "efficiency is above 0 and at most 1, not 0.0"),
        ("micro_batches: 1_000_000", "make more than 2,000,000 passes"),
        ("placement: end", "did you mean 'ends'"),
    ],
)
def test_a_mistake_is_told(change: str, message: str) -> None:
    keys = {line.partition(":")[0] for line in change.splitlines()}
    lines = [line for line in TEXT.splitlines() if line.partition(":")[0] not in keys]
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse("\n".join([*lines, change]))).run()


def test_a_table_with_a_mistake_names_line_and_column(tmp_path: Path) -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    path = tmp_path / "runs.csv"
    path.write_text(text.replace("10572 10591", "10591", 1))
    with pytest.raises(ValueError, match=r"runs.csv:2: forward_us has 7 times for 8 stages"):
        rows(str(path))
    path.write_text(text.replace("p2p_us", "hop", 1))
    with pytest.raises(ValueError, match="no column 'p2p_us'"):
        rows(str(path))
    with pytest.raises(ValueError, match="cannot be read"):
        rows(str(tmp_path / "absent.csv"))
