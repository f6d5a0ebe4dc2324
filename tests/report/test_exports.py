"""Exports are read back and compared with the outcome."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evenly.report.exports import exports
from evenly.report.exports.jsonl import Jsonl
from evenly.report.exports.perfetto import Perfetto
from evenly.report.exports.vllm_bench import VllmBench
from tests.report.samples import empty, outcome


@pytest.mark.parametrize("name", sorted(exports))
@pytest.mark.parametrize("run", [outcome(), empty()], ids=["some", "none"])
def test_every_export_writes_one_whole_strict_file(name: str, run: object, tmp_path: Path) -> None:
    path = exports[name]().write(run, tmp_path)  # type: ignore[arg-type]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    for line in lines:
        json.loads(line, parse_constant=refuse)


def test_benchmark_file_has_the_figures_of_the_requests(tmp_path: Path) -> None:
    run = outcome()
    found = json.loads(VllmBench().write(run, tmp_path).read_text())
    ttft = run.items["first_token"] - run.items["arrival"]
    assert found["completed"] == 400
    assert found["failed"] == 0
    assert found["mean_ttft_ms"] == pytest.approx(1e3 * ttft.mean())
    assert found["p99_ttft_ms"] == pytest.approx(1e3 * np.percentile(ttft, 99))
    assert found["ttfts"] == pytest.approx(ttft.tolist())
    assert found["total_output_tokens"] == run.items["output"].sum()
    assert found["output_throughput"] == pytest.approx(run.items["output"].sum() / found["duration"])


def test_benchmark_file_tells_the_law_of_the_arrivals() -> None:
    run = outcome(requests=20_000)  # exponential gaps of 0.1 s
    found = VllmBench().result(run)
    assert found["request_rate"] == pytest.approx(10, rel=0.03)
    assert found["burstiness"] == pytest.approx(1, rel=0.05)
    at_once = replace(run, items={**run.items, "arrival": np.zeros(20_000)})
    assert VllmBench().result(at_once)["request_rate"] == "inf"


def test_request_that_never_ended_is_counted_as_failed(tmp_path: Path) -> None:
    run = outcome()
    broken = {name: column.copy() for name, column in run.items.items()}
    for name in ("start", "first_token", "finish"):
        broken[name][7] = np.nan
    run = replace(run, items=broken)
    assert json.loads(VllmBench().write(run, tmp_path).read_text())["failed"] == 1
    assert json.loads(Jsonl().write(run, tmp_path).read_text().splitlines()[7])["finish"] is None


def test_lines_hold_every_column_of_every_request(tmp_path: Path) -> None:
    run = outcome()
    rows = [json.loads(line) for line in Jsonl().write(run, tmp_path).read_text().splitlines()]
    assert set(rows[0]) == set(run.items)
    for name in ("arrival", "finish", "prompt", "replica"):
        np.testing.assert_array_equal([row[name] for row in rows], run.items[name])


def test_timeline_has_spans_that_add_up_to_each_request(tmp_path: Path) -> None:
    run = outcome()
    events = json.loads(Perfetto().write(run, tmp_path).read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    length = np.zeros(400)
    for span in spans:
        length[span["args"]["request"]] += span["dur"] / 1e6
    np.testing.assert_allclose(length, run.items["finish"] - run.items["arrival"], rtol=1e-9)
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {f"replica {k}" for k in range(4)}
    assert {event["name"] for event in events if event["ph"] == "C"} == {"waiting", "running", "kv"}


def test_spans_of_one_lane_never_overlap() -> None:
    lanes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for event in Perfetto().events(outcome(requests=2000)):
        if event["ph"] == "X":
            lanes.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
    assert len(lanes) > 4
    for spans in lanes.values():
        spans.sort()
        assert all(end <= begin + 1e-3 for (_, end), (begin, _) in pairwise(spans))


def test_timeline_stops_at_the_asked_number_of_requests() -> None:
    asked = {event["args"]["request"] for event in Perfetto(requests=5).events(outcome()) if event["ph"] == "X"}
    assert asked == {0, 1, 2, 3, 4}
    with pytest.raises(ValueError, match="not 0"):
        Perfetto(requests=0)
