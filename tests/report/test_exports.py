"""Exports are read back and compared with the outcome."""

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.report.exports import _parts, exports
from evenly.report.exports.aiperf import Aiperf
from evenly.report.exports.jsonl import Jsonl
from evenly.report.exports.perfetto import Perfetto, rows
from evenly.report.exports.vllm_bench import VllmBench, most_at_once
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.scenario import ServeScenario
from evenly.traces.sources.poisson import Poisson
from tests.report.samples import empty, outcome

OF_REQUESTS = sorted(set(exports) - {"cold-starts"})  # that one writes a run of functions


@pytest.mark.parametrize("name", OF_REQUESTS)
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
    found = VllmBench().figures(run)
    assert found["request_rate"] == pytest.approx(10, rel=0.03)
    assert found["burstiness"] == pytest.approx(1, rel=0.05)
    at_once = replace(run, items={**run.items, "arrival": np.zeros(20_000)})
    assert VllmBench().figures(at_once)["request_rate"] == "inf"


def test_most_requests_at_once_are_counted_as_by_hand() -> None:
    run = outcome(requests=200)
    arrival, finish = run.items["arrival"], run.items["finish"]
    inside = [int(np.sum((arrival <= moment) & (finish > moment))) for moment in arrival]
    assert VllmBench().figures(run)["max_concurrent_requests"] == max(inside)


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
    named = {event["args"]["name"]: event["pid"] for event in events if event["name"] == "process_name"}
    assert named == {**{f"replica {k}": k for k in range(4)}, "fleet": 4}
    assert {event["pid"] for event in events if event["ph"] == "C"} == {4}
    assert {event["name"] for event in events if event["ph"] == "C"} == {"waiting", "running", "kv"}


def test_timeline_keeps_to_the_trace_event_format(tmp_path: Path) -> None:
    found = json.loads(Perfetto(requests=100).write(outcome(), tmp_path).read_text())
    assert set(found) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert found["displayTimeUnit"] in ("ms", "ns")
    assert found["otherData"]["requests"] == "100 of 400, the first to arrive"
    for event in found["traceEvents"]:
        assert event["ph"] in ("X", "C", "M")
        assert isinstance(event["name"], str)
        assert isinstance(event["ts"], int | float)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] == "X":
            assert event["dur"] >= 0
            assert event["cat"]
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name")
            assert isinstance(event["args"]["name"], str)


def test_rows_are_as_few_as_requests_at_once() -> None:
    run = outcome(requests=2000)
    used = rows(np.zeros(2000, np.int64), run.items["arrival"], run.items["finish"])
    assert used.max() + 1 == most_at_once(run.items["arrival"], run.items["finish"])


def test_aiperf_lines_have_the_keys_and_times_of_each_request(tmp_path: Path) -> None:
    run = outcome()
    items = {**run.items, "session": np.arange(400) // 2, "finish": run.items["finish"].copy()}
    items["finish"][9] = np.nan
    lines = Aiperf().write(replace(run, items=items), tmp_path).read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert len(entries) == 400
    assert set(entries[0]) == {"metadata", "metrics", "error"}
    assert entries[9]["error"]["type"] == "RequestRejected"
    assert [entry["metadata"]["turn_index"] for entry in entries[:4]] == [0, 1, 0, 1]
    for k in (0, 7, 399):
        measured, told = entries[k]["metrics"], entries[k]["metadata"]
        seconds = items["finish"][k] - items["arrival"][k]
        assert measured["request_latency"] == {"value": pytest.approx(1e3 * seconds), "unit": "ms"}
        assert (told["request_end_ns"] - told["request_start_ns"]) / 1e9 == pytest.approx(seconds)
        assert measured["output_sequence_length"]["value"] == items["output"][k]


@pytest.mark.parametrize("name", OF_REQUESTS)
def test_export_of_a_long_run_is_written_in_parts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exports[name]().write(outcome(), tmp_path / "whole").read_text()
    monkeypatch.setattr(_parts, "ROWS", 7)
    assert exports[name]().write(outcome(), tmp_path / "parts").read_text() == whole
    longest: list[int] = []

    def keep(path: Path, parts: Iterable[str]) -> None:
        longest.extend(len(part) for part in parts)

    monkeypatch.setattr(sys.modules[exports[name].__module__], "write_text", keep)
    exports[name]().write(outcome(), tmp_path)
    assert max(longest) < 2000 < len(whole)


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


def test_each_of_two_lanes_has_a_row_of_its_own_passes_above_those_of_the_requests() -> None:
    trace = Poisson(rate=20.0, requests=150)
    run = ServeScenario(trace=trace, engine=SemiPd(), replicas=2, host_overhead=0.01).run()
    events = [*Perfetto().events(run)]
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    rows: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in events:
        if event["ph"] == "X":
            rows.setdefault((event["pid"], event["tid"]), []).append(event)
    assert {name for (_, row), name in named.items() if row < 2} == {"lane of the prompts", "lane of the decodes"}
    assert set(named) == set(rows)
    for (_, row), spans in rows.items():
        spans.sort(key=lambda span: float(span["ts"]))
        assert all(a["ts"] + a["dur"] <= b["ts"] + 1e-3 for a, b in pairwise(spans))
        assert {span["cat"] for span in spans} == {"lane" if row < 2 else "request"}
    lanes = [span for (_, row), spans in rows.items() if row < 2 for span in spans]
    told = {lane: sum(s["args"]["tokens"] for s in lanes if s["name"] == lane) for lane in ("prompts", "decodes")}
    assert run.metrics["preemptions"] == 0
    assert told["prompts"] == run.items["prompt"].sum()
    assert told["decodes"] == (run.items["output"] - 1).sum()
    together = [(a, b) for a in lanes for b in lanes if a["pid"] == b["pid"] and a["tid"] < b["tid"]]
    assert any(a["ts"] < b["ts"] + b["dur"] and b["ts"] < a["ts"] + a["dur"] for a, b in together), "side by side"
