"""Scenarios of kind experts: figures, load, report, errors."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document, Outcome
from evenly.report.charts.violation import violation
from evenly.report.page import render
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of
from evenly.train.experts.assignments.capacity import Capacity
from evenly.train.experts.assignments.expert_choice import ExpertChoice
from evenly.train.experts.assignments.optimal import Optimal
from evenly.train.experts.balancers.nothing import Nothing
from evenly.train.experts.balancers.proportional import Proportional
from evenly.train.experts.metrics import METRICS
from evenly.train.experts.scenario import ExpertsScenario

TEXT = "kind: experts\nexperts: 16\nactive: 2\ntokens: 256\nsteps: 120\nwindow: 20\nlayers: 2\n"
SMALL = ExpertsScenario(experts=16, active=2, tokens=256, steps=120, window=20, layers=2)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT + "balancer: {use: proportional, rate: 0.02}\n")).run()


def test_prices_even_out_what_is_left_alone(outcome: Outcome) -> None:
    alone = replace(SMALL, balancer=Nothing()).run().metrics
    found = outcome.metrics
    assert alone["maxvio_global"] > 1.5 > 0.3 > found["maxvio_global"]
    assert found["score"] < alone["score"] == pytest.approx(1.0)
    assert found["step_time"] < alone["step_time"]
    assert found["throughput"] == pytest.approx(256 / found["step_time"])
    assert alone["dead"] > 0 == found["dead"] == found["dropped"] == found["without"]
    assert np.isnan(alone["settled"])
    assert found["regret"] < alone["regret"]


def test_the_load_is_the_tokens_of_each_device_in_each_layer_of_the_last_steps(outcome: Outcome) -> None:
    assert outcome.load.work.shape == (2 * 20, 8)
    assert set(outcome.load.work.sum(axis=1)) == {2 * 256.0}
    assert len(outcome.items["price"]) == 2 * 16
    assert outcome.items["share"].mean() == pytest.approx(1.0)


def test_capacity_drops_what_expert_choice_and_the_optimum_do_not() -> None:
    base = replace(SMALL, balancer=Nothing(), steps=20, tokens=64)
    dropping = replace(base, assignment=Capacity(1.25)).run().metrics
    choice = replace(base, assignment=ExpertChoice()).run().metrics
    best = replace(base, assignment=Optimal(), steps=3, window=3).run().metrics
    assert dropping["dropped"] > 0.1
    assert dropping["maxvio_batch"] <= 0.25
    assert choice["maxvio_batch"] == best["maxvio_batch"] == 0.0
    assert choice["without"] > 0 == best["without"]
    assert choice["dropped"] > 0 == best["dropped"]
    assert np.isnan(best["regret"])
    balanced = replace(base, balancer=Proportional(0.05), steps=200).run().metrics
    assert balanced["score"] == pytest.approx(best["score"], abs=0.05)


def test_what_is_dropped_or_missed_is_no_throughput() -> None:
    """An expert that a token lacks is not made up for by one more that another token has."""
    base = replace(SMALL, balancer=Nothing(), steps=20, tokens=64)
    for assignment in (Capacity(1.0), ExpertChoice()):
        found = replace(base, assignment=assignment).run().metrics
        assert found["throughput"] == pytest.approx(64 * (1 - found["dropped"]) / found["step_time"])
        even = replace(base, assignment=Optimal(), steps=3, window=3).run().metrics
        assert found["throughput"] < even["throughput"]


def test_balancing_devices_alone_costs_less_score() -> None:
    base = replace(SMALL, balancer=Proportional(0.02), devices=4, steps=300)
    experts, devices = base.run().metrics, replace(base, level="device").run().metrics
    assert devices["maxvio_device"] < 0.3 < devices["maxvio_global"]
    assert devices["score"] > experts["score"]


def test_equal_scenarios_give_equal_outcomes(outcome: Outcome) -> None:
    again = scenario_of(Document.parse(TEXT + "balancer: {use: proportional, rate: 0.02}\n")).run()
    assert repr(again.metrics) == repr(outcome.metrics)
    assert (again.load.work == outcome.load.work).all()


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    text = render([again], title="t", metrics=METRICS)
    assert "How even the experts are" in text
    curve, loads = violation([again])
    assert len(curve["data"]["values"]) == 120
    assert len(loads["data"]["values"]) == 32


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("active: 16", "active is 1 to 15, below the number of experts, not 16"),
        ("window: 121", "window is 1 to 120, the steps, not 121"),
        ("devices: 3", "devices divides the 16 experts of a layer evenly, not 3"),
        ("tokens: 0", "tokens is 1 to 1,250,000 with 16 experts, not 0"),
        ("balancer: sine", "no 'sine' among balancers; did you mean 'sign'?"),
        ("costs: {model: llama-2-7b}", "costs.model 'llama-2-7b' has no experts"),
        ("affinity: {use: gaussian, spread: -1.0}", "spread is a standard deviation, at least 0, not -1.0"),
        ("assignment: optimal\ntokens: 100000", "at most 100,000 for a linear program"),
    ],
)
def test_a_mistake_is_told_with_its_value(line: str, message: str) -> None:
    given = {row.partition(":")[0] for row in line.splitlines()}
    text = "\n".join(row for row in TEXT.splitlines() if row.partition(":")[0] not in given)
    with pytest.raises(ValueError, match=re.escape(message)):
        scenario_of(Document.parse(f"{text}\n{line}\n")).run()
