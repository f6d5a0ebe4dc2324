"""The pages and tables of a calibration and of a validation."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from evenly.core import Array, Outcome
from evenly.core.load import Load
from evenly.hardware.calibration.calibrate import calibration
from evenly.hardware.calibration.engine import Calibration, Source
from evenly.hardware.calibration.fit import Fit, fit
from evenly.hardware.calibration.steps import KINDS, Steps
from evenly.measure.agreement import agreements
from evenly.report import calibration as calibrated
from evenly.report import validation
from evenly.report.charts.passes import against, residuals
from evenly.sweep.validate import Level
from tests.hardware.measured_passes import HEADER, passes
from tests.report.samples import HOSTILE
from tests.report.test_page import Elements, specs


@pytest.fixture(scope="module")
def measured() -> Steps:
    return passes(400, 1)


@pytest.fixture(scope="module")
def found(measured: Steps) -> Fit:
    return fit(measured)


@pytest.fixture(scope="module")
def engine(measured: Steps, found: Fit) -> Calibration:
    source = Source("a/steps.jsonl", "ab" * 32, "2026-01-02T03:04:05+00:00", 400, 0.0)
    return calibration(measured, found, HEADER, [source])


def printed(shown: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_pass_of_a_short_log_is_a_point_of_its_kind(measured: Steps, found: Fit) -> None:
    points = against(measured, found.fitted)["data"]["values"]
    assert len(points) == 400
    assert {point["variant"] for point in points} == set(KINDS)
    assert sum(len(spec["data"]["values"]) for spec in residuals(measured, found.fitted)) == 400


def test_a_long_log_is_thinned_by_kind_and_errors_beyond_the_picture_stand_at_its_edge() -> None:
    long = passes(6000, 2)
    drawn = residuals(long, 0.1 * long.seconds)
    assert all(500 < len(spec["data"]["values"]) <= 1200 for spec in drawn)
    assert {point["error"] for spec in drawn for point in spec["data"]["values"]} == {1.0}


def test_the_page_shows_figures_with_intervals_residuals_and_logs(
    engine: Calibration, found: Fit, measured: Steps
) -> None:
    page = calibrated.page(engine, found, measured)
    assert len(specs(page)) == 5
    texts = Elements(page).texts
    assert {"Figures", "Curve over tokens", "Residuals", "Logs", "steps.jsonl", "host", "pair"} <= set(texts)
    assert "95%" in texts


def test_the_terminal_shows_how_every_size_of_pass_is_met(engine: Calibration) -> None:
    text = printed(calibrated.render(engine))
    assert text.count("decode only") == sum(row.kind == "decode only" for row in engine.residuals)
    assert "not measured" in text, "nobody measured the delivery"


def test_what_is_not_known_stands_in_the_first_sentences(engine: Calibration) -> None:
    told = calibrated.sentence(replace(engine, untold=("pair moves with tokens",)), ["delivery is taken as 0"])
    assert "Pair moves with tokens. Delivery is taken as 0." in told


def test_names_in_a_log_stay_text(engine: Calibration, found: Fit, measured: Steps) -> None:
    mild = Elements(calibrated.page(engine, found, measured))
    wild = replace(engine, engine=HOSTILE, model=HOSTILE, machine=HOSTILE, untold=(HOSTILE,))
    page = Elements(calibrated.page(wild, found, measured))
    assert page.tags.count("script") == mild.tags.count("script")
    assert "img" not in page.tags


def outcome(label: str, factor: float = 1.0) -> Outcome:
    chance = np.random.default_rng(5)
    arrival = np.sort(chance.uniform(0, 20, 60))
    first = arrival + factor * chance.uniform(0.1, 1, 60)
    output = chance.integers(2, 40, 60)
    items: dict[str, Array] = {
        "arrival": arrival,
        "first_token": first,
        "finish": first + factor * 0.02 * (output - 1),
        "output": output,
        "worst_gap": np.full(60, 0.02 * factor),
    }
    return Outcome(label, {}, Load(np.zeros((1, 1)), None, "s", "replica"), items)


def level(factor: float, name: str = "measured 1") -> Level:
    simulated, measured = outcome("simulated", factor), outcome(name)
    found = tuple(agreements(simulated.items, [measured.items]))
    return Level(1.0, 3.0, simulated, (measured,), found, {one.name: one.error for one in found}, 0.9, ("a note",))


def test_the_page_of_a_validation_draws_simulated_and_measured_at_every_load() -> None:
    page = validation.page([level(1.0), level(1.3)], title="A trace", engine="engine.yaml")
    drawn = specs(page)
    assert len(drawn) == 2 * 3, "no gaps were kept"
    for spec in drawn:
        data: Any = spec["data"]
        assert {row["variant"] for row in data["values"]} == {"simulated", "measured 1"}
    assert Elements(page).texts.count("inside") >= 11


def test_what_lies_outside_its_band_is_said_in_words_and_in_the_table() -> None:
    said = validation.sentence([level(1.0), level(1.3)])
    assert "of 22 figures lie inside their bands" in said
    assert "the largest error is +30.0%" in said
    assert said.endswith("A note. A note.")
    text = printed(validation.render([level(1.3)]))
    assert text.count("OUTSIDE") == 9
    assert "with measured passes" in text
    assert validation.sentence([]).startswith("Nothing could be compared")


def test_names_of_runs_stay_text() -> None:
    page = validation.page([level(1.0, HOSTILE)], title=HOSTILE, engine=HOSTILE)
    mild = validation.page([level(1.0)], title="x", engine="y")
    assert Elements(page).tags.count("script") == Elements(mild).tags.count("script")
    assert json.dumps(specs(page), allow_nan=False)
