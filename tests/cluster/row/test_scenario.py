"""Scenarios of kind row: figures, load, report, counters; thresholds, commands, safe counts, the oracle, replicas."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.cluster.row.caps.no_cap import NoCap
from evenly.cluster.row.caps.polca import Polca
from evenly.cluster.row.oracle import Oracle, highest
from evenly.cluster.row.row import Plant
from evenly.cluster.row.safe import safe
from evenly.cluster.row.scaling import Scaling, fixed
from evenly.cluster.row.scenario import RowScenario
from evenly.cluster.row.traffics.daily import Daily
from evenly.core import Document, Outcome
from evenly.hardware.server import Server, phases
from evenly.report.charts.power import power
from evenly.report.exports.perfetto import Perfetto
from evenly.report.page import render
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of

TEXT = "kind: row\nservers: 14\nprovisioned: 10\ntrace: {use: daily, hours: 24}\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


def test_the_load_is_the_energy_of_each_server_by_hour(outcome: Outcome) -> None:
    assert outcome.load.work.shape == (24, 14)
    assert outcome.load.span is not None
    assert (outcome.load.work <= outcome.load.span[:, None]).all()
    assert outcome.load.work.sum() == pytest.approx(outcome.metrics["energy"])


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert dict(again.metrics) == pytest.approx(dict(outcome.metrics))
    assert "Above the dashed line the brake is due" in render([again], title="t", metrics=RowScenario.metrics)
    above, below = power([again])
    assert max(row["value"] for row in above["data"]["values"]) == pytest.approx(
        again.series["power"]["power"].max(), rel=1e-3
    )
    assert {row["value"] for row in below["data"]["values"]} <= {0, 1, 2, 3, 4}


def test_the_trace_has_counters_and_a_span_for_each_brake(tmp_path: Path) -> None:
    braked = scenario_of(Document.parse(TEXT).override("servers=16").override("cap=no-cap")).run()
    found = json.loads(Perfetto().write(braked, tmp_path).read_text())["traceEvents"]
    assert {event["name"] for event in found if event["ph"] == "C"} == {
        "power",
        "level",
        "high priority",
        "low priority",
    }
    assert len([event for event in found if event["ph"] == "X"]) == braked.metrics["brakes"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("servers=0", "servers is 1 to"),
        ("provisioned=0", "provisioned is 1 to"),
        ("tick=0", "tick is a positive"),
        ("tick=1e-9", "more than 100,000,000 samples"),
        ("actuation=-1", "actuation is at least 0"),
        ("model=phi-4", "no measured phases of model 'phi-4'"),
        ("cap=polka", "did you mean 'polca'"),
        ("trace.hours=0", "hours is above 0"),
        ("server.exponent=0", "exponent is a positive"),
        ("brake.token=2", "token is a share"),
        ("cap={use: polca, first: 0.95}", "first is at most second"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change))


def test_thresholds_are_fitted_to_the_largest_rise_while_a_command_is_under_way() -> None:
    scenario = RowScenario(servers=14, provisioned=10, cap=Polca(first=None, second=None))
    learnt = scenario.plant.learnt(np.array([0.5, 0.6, 0.55, 0.7, 0.7]))
    cap = Polca(first=None, second=None).fit(learnt)
    assert cap.second == pytest.approx(0.8)
    assert cap.first is not None
    assert 0.75 < cap.first < 0.8
    assert Polca(second=None).fit(learnt).first == 0.8


def test_a_safe_count_does_not_brake_and_the_next_one_does() -> None:
    scenario = RowScenario(servers=10, provisioned=10, trace=Daily(hours=24.0), cap=NoCap())
    count = safe(scenario, (0, 1), 20)
    found = [
        replace(scenario, servers=n, seed=seed).run().metrics["brakes"] for n in (count, count + 1) for seed in (0, 1)
    ]
    assert found[:2] == [0, 0]
    assert sum(found[2:]) > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_oracle_agrees_with_the_loop_where_nothing_is_capped_and_never_costs_more_than_all(seed: int) -> None:
    plant = Plant(3, 1.0, Server(), phases("bloom-176b"), 10.0, 0.0, 0.0)
    traffic = Daily(hours=60 / 3600, peak=2.0, swing=0.0)
    asked = plant.demand(traffic, seed)
    top = highest(plant, asked, traffic.seconds)
    clocks = Polca().clocks
    assert Oracle(replace(plant, budget=top), asked, clocks, 6).least() == 0.0
    tight = Oracle(replace(plant, budget=top / 1.02), asked, clocks, 6).least()
    assert tight > 0
    assert math.isinf(Oracle(replace(plant, budget=top / 2), asked, clocks, 6).least())


@settings(max_examples=30)
@given(
    work=st.lists(st.floats(0, 12), min_size=2, max_size=300),
    start=st.sampled_from([0.0, 5.0, 40.0]),
    least=st.integers(1, 4),
)
def test_replicas_stay_within_bounds_and_work_is_conserved(work: list[float], start: float, least: int) -> None:
    arrived = np.array(work)
    scaling = Scaling(least=least, most=12, window=10.0, start=start)
    scaled = scaling.run(arrived, 1.0)
    assert scaled.replicas.min() >= least
    assert scaled.replicas.max() <= 12
    done = np.diff(np.concatenate([[0.0], scaled.backlog])) - arrived
    assert (-done <= scaled.replicas + 1e-9).all()
    assert (fixed(arrived, 1.0, 12).backlog <= scaled.backlog + 1e-9).all()


def test_replicas_follow_a_wave_with_fewer_hours_than_its_peak() -> None:
    work = 6.0 + 4.0 * np.sin(np.arange(7200) / 7200 * 2 * np.pi)
    scaled = Scaling(least=2, most=20).run(work, 1.0)
    assert scaled.hours < 0.75 * fixed(work, 1.0, int(scaled.replicas.max())).hours
    assert scaled.wait.max() < 1.0
    assert scaled.changes < 40


@given(
    tokens=st.floats(1, 20_000),
    more=st.floats(1, 3),
    clock=st.floats(210, 1410),
    higher=st.floats(1, 2),
    name=st.sampled_from(["bloom-176b", "llama-2-70b"]),
)
def test_power_and_speed_grow_with_clock_batch_and_prompt(
    tokens: float, more: float, clock: float, higher: float, name: str
) -> None:
    server, known = Server(), phases(name)
    share = known.prompt_share(tokens)
    assert known.prompt_share(tokens * more) >= share
    assert known.prompt_seconds(tokens * more) >= known.prompt_seconds(tokens)
    assert server.watts(share, clock * higher) >= server.watts(share, clock)
    assert server.speed(0.9, clock * higher) >= server.speed(0.9, clock) > 0
    assert server.watts(1.0, 1e9) == server.watts(1.0, server.top)
