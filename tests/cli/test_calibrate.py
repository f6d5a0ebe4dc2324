"""`evenly calibrate` and `evenly validate` as a user types them."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Document
from evenly.hardware.calibration.engine import Calibration
from evenly.train.batches import log
from evenly.train.batches.efforts.quadratic import Quadratic
from tests.cli.user import evenly
from tests.hardware.measured_passes import HEADER, engine_file, log_file, log_lines, passes
from tests.hosts.served import serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a step log of an engine, and a trace."""
    folder = tmp_path_factory.mktemp("calibrated")
    log_file(folder / "steps.jsonl", log_lines(passes(300, 1)))
    (folder / "trace.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,48,10\n2023-11-16 18:17:04.0319600,31,8\n"
    )
    engine_file(folder)
    return folder


def test_calibrate_writes_an_engine_that_a_scenario_uses_and_a_page(place: Path) -> None:
    said = evenly("calibrate", "steps.jsonl", cwd=place)
    assert said.code == 0, said.err
    assert "Residuals" in said.out
    assert said.out.endswith("Engine: engine.yaml\nReport: engine.html\n")
    assert "delivery is taken as 0" in said.err
    found = Document.read(place / "engine.yaml").structure(Calibration)
    assert found.sources[0].passes == 300
    scenario = "kind: serve\ntrace: {use: poisson, rate: 2, requests: 20}\ncost: {use: calibrated, path: engine.yaml}\n"
    (place / "scenario.yaml").write_text(scenario + "kv_tokens: 20000\n")
    ran = evenly("compare", "scenario.yaml", "--json", cwd=place)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)[0]["facts"]["cost: passes"] == 300


def test_calibrate_json_is_the_file_and_nothing_else(place: Path) -> None:
    said = evenly("calibrate", "steps.jsonl", "--json", "--out", "other.yaml", cwd=place)
    assert json.loads(said.out) == Document.read(place / "other.yaml").raw


def test_equal_logs_give_equal_files(place: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        evenly("calibrate", "steps.jsonl", "--out", name, cwd=place)
    assert (place / "one.yaml").read_bytes() == (place / "two.yaml").read_bytes()


def test_a_log_of_another_version_is_one_error(place: Path) -> None:
    log_file(place / "old.jsonl", [], {**HEADER, "version": 0})
    said = evenly("calibrate", "old.jsonl", "--out", "never.yaml", cwd=place)
    assert said.code == 2
    assert said.err == "error: old.jsonl:1: version is 0, this evenly reads 1; log again with this version\n"
    assert not (place / "never.yaml").exists()


def bench(place: Path, first: float) -> str:
    """Write a bench result of the two requests, whose first tokens come after `first` seconds."""
    starts = [0.0, 0.052]
    gaps = [[0.02] * 9, [0.02] * 7]
    lengths = {"input_lens": [48, 31], "output_lens": [10, 8]}
    found = {**lengths, "ttfts": [first, first], "itls": gaps, "start_times": starts, "errors": ["", ""]}
    (place / "bench.json").write_text(json.dumps(found))
    return "bench.json"


def test_validate_exits_with_1_only_if_strict_and_outside_a_band(place: Path) -> None:
    words = ("validate", "trace.csv", "--cost", "truth.yaml", "--measured", bench(place, 9.0))
    said = evenly(*words, cwd=place)
    assert said.code == 0, said.err
    assert "OUTSIDE" in said.out
    assert said.out.endswith("Report: runs/trace-validated/report.html\n")
    assert evenly(*words, "--strict", cwd=place).code == 1


def test_validate_takes_a_scenario_whose_trace_was_replayed(place: Path) -> None:
    (place / "mine.yaml").write_text("kind: serve\ntrace: {use: file, path: trace.csv}\n")
    said = evenly("validate", "mine.yaml", "--cost", "truth.yaml", "--measured", bench(place, 0.1), "--json", cwd=place)
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert {row["figure"] for row in rows} >= {"ttft p50", "tpot p90", "e2e p99", "throughput"}
    assert np.isfinite([row["error"] for row in rows]).all()


def test_validate_takes_the_variant_that_was_served(place: Path) -> None:
    trace = "trace: {use: file, path: trace.csv}\n"
    (place / "two.yaml").write_text(f"kind: serve\n{trace}compare:\n  a: {{}}\n  b: {{order: shortest-prompt}}\n")
    words = ("validate", "two.yaml", "--cost", "truth.yaml", "--measured", bench(place, 0.1), "--json")
    said = evenly(*words, "--variant", "b", cwd=place)
    assert said.code == 0, said.err
    assert "name the one that was served with --variant, one of 'a', 'b'" in evenly(*words, cwd=place).err
    assert "no variant 'c'; it has 'a', 'b'" in evenly(*words, "--variant", "c", cwd=place).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cost", "truth.yaml"], "name measured runs with --measured, or a server with --url"),
        (["--cost", "nowhere.yaml", "--measured", "bench.json"], "nowhere.yaml: cannot be read"),
        (["--cost", "trace.csv", "--measured", "bench.json"], "trace.csv"),
        (["--cost", "truth.yaml", "--measured", "bench.json", "--speed", "1,fast"], "a list of positive factors"),
        (["--cost", "truth.yaml", "--measured", "nowhere"], "neither a run folder nor a bench.json"),
    ],
)
def test_what_cannot_be_validated_is_one_error(place: Path, words: list[str], said: str) -> None:
    bench(place, 0.1)
    found = evenly("validate", "trace.csv", *words, cwd=place)
    assert found.code == 2
    assert said in found.err


def test_validate_replays_every_load_as_often_as_asked_and_then_compares(place: Path) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra `replay`")
    with serving(Stub()) as url:
        words = ("--cost", "truth.yaml", "--url", url, "--speed", "1,2", "--repeats", "2", "--json")
        said = evenly("validate", "trace.csv", *words, cwd=place)
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert [row["speed"] for row in rows] == [1.0] * 11 + [2.0] * 11
    assert {row["figure"]: row["spread"] for row in rows}["e2e p50"] >= 0


def test_validate_takes_all_runs_in_the_folder_of_a_replay(place: Path) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra `replay`")
    with serving(Stub()) as url:
        for _ in range(2):
            assert evenly("replay", "trace.csv", "--url", url, "--out", "replayed", cwd=place).code == 0
    said = evenly("validate", "trace.csv", "--cost", "truth.yaml", "--measured", "replayed", "--json", cwd=place)
    assert said.code == 0, said.err
    assert {row["figure"]: row["spread"] for row in json.loads(said.out)}["e2e p50"] >= 0


def test_the_log_of_a_training_becomes_the_cost_of_a_scenario(tmp_path: Path) -> None:
    chance, cost = np.random.default_rng(0), Quadratic(1e-4, 1000)
    parts = [chance.integers(10, 513, 8) for _ in range(30)]
    (tmp_path / "micro.jsonl").write_text(log.text(parts, [0.02 + cost.seconds(part).sum() for part in parts]))
    said = evenly("calibrate", "micro.jsonl", "--out", "cost.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    written = (tmp_path / "cost.yaml").read_text()
    assert said.out.startswith(written)
    assert "Fitted to 30 micro-batches within 0.0% in the mean; each half foretells the other" in said.out
    found = Document.parse(written).raw
    assert found["cost"]["break_even"] == pytest.approx(1000, rel=0.01)
    assert found["overhead"] == pytest.approx(0.02, rel=0.01)
    (tmp_path / "mine.yaml").write_text(f"kind: batches\nsteps: 5\n{written}")
    assert evenly("compare", "mine.yaml", cwd=tmp_path).code == 0
    figures = json.loads(evenly("calibrate", "micro.jsonl", "--json", cwd=tmp_path).out)
    assert figures["micro_batches"] == 30
    assert figures["error"] < 1e-3


def test_logs_of_a_training_and_of_an_engine_do_not_mix(place: Path, tmp_path: Path) -> None:
    (tmp_path / "micro.jsonl").write_text(log.text([np.array([5])], [1.0]))
    mixed = evenly("calibrate", str(tmp_path / "micro.jsonl"), "steps.jsonl", cwd=place)
    assert mixed.code == 2
    assert "steps.jsonl:1: lengths are whole numbers of at least 1, found None" in mixed.err
    replayed = evenly("calibrate", str(tmp_path / "micro.jsonl"), "--replay", "runs/mix", cwd=place)
    assert replayed.code == 2
    assert "--replay goes with the log of an engine" in replayed.err
