"""The simulator held against measured runs; here those are runs of the simulator itself, whose cost is known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.core import Array, Document, Outcome, Trace
from evenly.core.load import Load
from evenly.serve.scenario import servable
from evenly.sweep import folder, validate
from evenly.sweep.calibrate import calibrate
from evenly.sweep.measured import Run, read
from tests.cli.user import evenly
from tests.hardware.measured_passes import TRUTH, engine_file, log_file, log_lines, passes
from tests.sweep.simulated_log import run, scenario, written


def trace_file(path: Path, count: int = 100, rate: float = 3.0, seed: int = 1) -> Path:
    """Write a trace of mixed lengths in the format of vLLM's and Mooncake's users: times in milliseconds."""
    chance = np.random.default_rng(seed)
    arrival = np.cumsum(chance.exponential(1 / rate, count))
    prompt = np.exp(chance.uniform(np.log(8), np.log(1200), count)).astype(int)
    output = np.exp(chance.uniform(np.log(2), np.log(120), count)).astype(int)
    lines = [
        {"timestamp": round(1e3 * (at - arrival[0])), "input_length": int(p), "output_length": int(o), "hash_ids": []}
        for at, p, o in zip(arrival, prompt, output, strict=True)
    ]
    for i, line in enumerate(lines):
        line["hash_ids"] = [1000 * i + k for k in range(-(-line["input_length"] // 512))]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trace, an engine whose cost is known, and what it did with the trace at two speeds."""
    folder = tmp_path_factory.mktemp("validated")
    engine = engine_file(folder)
    made = scenario(trace_file(folder / "trace.jsonl"), engine)
    for speed in (1, 2):
        trace = faster(made.trace.draw(0), speed)
        steps, items = run(made, trace)
        written(folder / f"steps{speed}.jsonl", steps)
        run_folder(folder / f"run{speed}", items)
    return folder


def faster(trace: Trace, speed: float) -> Trace:
    return replace(servable(trace), arrival=servable(trace).arrival / speed)


def the_run(path: Path) -> Run:
    """Return the only run in a place."""
    (found,) = read(path)
    return found


def run_folder(path: Path, items: dict[str, Array], **facts: str) -> Path:
    """Write a run folder with the requests of a run."""
    load = Load(np.zeros((1, 1)), None, "s", "replica")
    folder.write(Outcome("measured", {}, load, items, {}, facts), Document({"kind": "serve"}), path)
    return path


def test_an_engine_is_found_again_from_the_log_of_its_own_simulation(place: Path) -> None:
    found = calibrate([place / "steps1.jsonl", place / "steps2.jsonl"]).calibration
    assert found.limits == scenario_limits(place)
    assert found.cost.level == pytest.approx(1.0, abs=0.005)
    assert found.cost.context == pytest.approx(TRUTH.context, rel=0.1)
    assert found.cost.pair == pytest.approx(TRUTH.pair, rel=0.1)
    assert found.cost.host == pytest.approx(TRUTH.host, rel=0.01)
    assert max(abs(row.p50) for row in found.residuals) < 0.02


def scenario_limits(place: Path) -> Any:
    from evenly.hardware.calibration.engine import read

    return read(str(place / "truth.yaml")).limits


def test_calibrated_on_its_own_log_the_simulator_meets_itself_within_1_percent_and_5_where_it_is_saturated(
    place: Path,
) -> None:
    done = evenly(
        "calibrate", str(place / "steps1.jsonl"), str(place / "steps2.jsonl"), "--out", "engine.yaml", cwd=place
    )
    assert done.code == 0, done.err
    said = evenly(
        *("validate", "trace.jsonl", "--cost", "engine.yaml", "--measured", "run1", "run2"),
        *("--steps", "steps1.jsonl", "steps2.jsonl", "--strict", "--json"),
        cwd=place,
    )
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert [row["speed"] for row in rows] == [1.0] * 11 + [2.0] * 11
    assert max(abs(row["error"]) for row in rows if row["speed"] == 1.0) < 0.01
    # A pass that is 0.01% longer puts arrivals on the other side of its end; a full queue passes that on.
    assert max(abs(row["error"]) for row in rows) < 0.05
    assert max(abs(row["schedule_error"]) for row in rows) < 0.002
    assert (place / "runs/trace-validated/report.html").is_file()


def test_the_engine_that_was_simulated_gives_no_error_at_any_load(place: Path) -> None:
    made = scenario(place / "trace.jsonl", place / "truth.yaml")
    levels = validate.validate(made, place / "truth.yaml", [the_run(place / "run1"), the_run(place / "run2")])
    assert [level.speed for level in levels] == [1.0, 2.0]
    assert max(abs(one.error) for level in levels for one in level.agreements) < 1e-9


def test_a_cost_that_is_wrong_shows_as_an_error_that_measured_passes_do_not_have(place: Path) -> None:
    slow = place / "slow"
    slow.mkdir(exist_ok=True)
    made = scenario(place / "trace.jsonl", engine_file(slow, replace(TRUTH, level=1.4)))
    (level,) = validate.validate(made, slow / "truth.yaml", [the_run(place / "run1")], (), [place / "steps1.jsonl"])
    tpot = next(one for one in level.agreements if one.name == "tpot p50")
    assert tpot.error > 0.3
    assert not tpot.inside
    assert level.met > 0.95
    assert max(abs(error) for error in level.scheduled.values()) < 0.002


def test_several_runs_of_one_load_are_one_level_with_their_spread(place: Path) -> None:
    made = scenario(place / "trace.jsonl", place / "truth.yaml")
    one = the_run(place / "run1")
    late = {name: one.items[name] + 0.1 for name in ("first_token", "finish")}
    runs = [one, Run("late", {**one.items, **late})]
    (level,) = validate.validate(made, place / "truth.yaml", runs)
    ttft = next(agreement for agreement in level.agreements if agreement.name == "ttft p50")
    assert len(level.measured) == 2
    assert ttft.spread == pytest.approx(0.1 / ttft.measured)
    assert ttft.error < 0


def test_the_delay_of_delivery_is_added_to_first_token_and_end_and_not_to_the_pace(place: Path) -> None:
    far = place / "far"
    far.mkdir(exist_ok=True)
    engine_file(far, replace(TRUTH, delivery=0.05))
    runs = [the_run(place / "run1")]
    levels = [
        validate.validate(scenario(place / "trace.jsonl", path), path, runs)[0].agreements
        for path in (place / "truth.yaml", far / "truth.yaml")
    ]
    near, other = ({one.name: one.simulated for one in level} for level in levels)
    assert other["ttft p50"] - near["ttft p50"] == pytest.approx(0.05)
    assert other["e2e p99"] - near["e2e p99"] == pytest.approx(0.05)
    assert other["tpot p50"] == pytest.approx(near["tpot p50"])


def test_a_run_that_ended_early_is_compared_as_far_as_it_came_and_told(place: Path) -> None:
    items = {name: column[:40] for name, column in folder.read(place / "run1").items.items()}
    path = run_folder(place / "early", items, incomplete="the server died")
    made = scenario(place / "trace.jsonl", place / "truth.yaml")
    (level,) = validate.validate(made, place / "truth.yaml", [the_run(path)])
    assert len(level.simulated.items["arrival"]) == 40
    assert level.notes == (f"{path}: ended early: the server died",)


def test_runs_of_another_trace_or_load_and_too_few_logs_are_refused(place: Path) -> None:
    made = scenario(place / "trace.jsonl", place / "truth.yaml")
    one = the_run(place / "run1")
    other = Run("other", {**one.items, "prompt": one.items["prompt"] + 1})
    with pytest.raises(ValueError, match=r"other: request 0 has a prompt of .* name the trace that was replayed"):
        validate.validate(made, place / "truth.yaml", [other])
    with pytest.raises(ValueError, match="was sent 1 times as fast as the trace, not 3"):
        validate.validate(made, place / "truth.yaml", [one], [3.0])
    with pytest.raises(ValueError, match="2 logs for 1 runs"):
        validate.validate(made, place / "truth.yaml", [one], (), [place / "steps1.jsonl"] * 2)
    with pytest.raises(ValueError, match="neither a run folder nor"):
        read(place / "nowhere")
    with pytest.raises(ValueError, match="closed loop; replay without --clients"):
        read(run_folder(place / "closed", dict(one.items), loop="closed"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"replicas": 2}, "2 replicas; a calibrated engine is one"),
        ({"compare": {"a": {"seed": 1}, "b": {"seed": 2}}}, "served with --variant, one of 'a', 'b'"),
    ],
)
def test_what_is_no_single_engine_is_refused(place: Path, change: dict[str, object], said: str) -> None:
    raw = {"kind": "serve", "trace": {"use": "poisson"}, **change}
    with pytest.raises(ValueError, match=said):
        validate.prepared(Document(raw, "scenario.yaml"), place / "truth.yaml")


def test_logs_of_different_engines_are_not_pooled(tmp_path: Path) -> None:
    from tests.hardware.measured_passes import HEADER

    lines = log_lines(passes(60, 1))
    logs = [log_file(tmp_path / f"{k}.jsonl", lines, {**HEADER, "block": 16 + k}) for k in (0, 1)]
    with pytest.raises(ValueError, match=r"1.jsonl: block is 17, in .*0.jsonl it is 16"):
        calibrate(logs)
