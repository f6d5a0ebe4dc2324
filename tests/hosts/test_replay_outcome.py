"""A measured run has the columns, figures and files of a simulated one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stub import Stub
from evenly.core import Document, Outcome
from evenly.hosts.replay import Replayed, replay
from evenly.hosts.replay_outcome import busy_seconds, outcome, worst_gaps
from evenly.kernel.serving.records import REQUEST
from evenly.measure.slo import Slo
from evenly.report import page
from evenly.report.charts.timeline import PANELS
from evenly.report.exports import exports
from evenly.serve.metrics import METRICS
from evenly.serve.results import columns
from evenly.sweep import folder
from tests.hosts.served import serving, trace

pytest.importorskip("aiohttp", reason="needs the extra `replay`")

SLO = Slo(ttft=1.0, tpot=0.1)


@pytest.fixture(scope="module")
def found() -> Replayed:
    with serving(Stub(piece=3, tell=True)) as url:
        return replay(replace(trace(), user=np.arange(30) % 3), url, speed=10.0)


@pytest.fixture(scope="module")
def lost() -> Replayed:
    with serving(Stub(last=5)) as url:
        return replay(trace(60), url, speed=2.0)


def measured(found: Replayed) -> Outcome:
    return outcome(found, "replay", SLO, {"trace": "thirty requests"})


def test_a_measured_run_has_the_columns_of_a_simulated_one_and_the_errors(found: Replayed) -> None:
    run = measured(found)
    assert set(run.items) == set(columns(np.zeros(0, REQUEST))) | {"error"}
    assert all(len(column) == 30 for column in run.items.values())
    assert list(run.metrics) == [metric.name for metric in METRICS]
    panels = {name for name, _, _ in PANELS} - {"replicas"}  # how many there are no client knows
    assert {"time", *panels} <= set(run.series["timeline"])


def test_figures_of_the_outcome_are_those_of_the_client(found: Replayed) -> None:
    metrics, figures = measured(found).metrics, found.figures()
    for name in ("ttft_p50", "ttft_p99", "e2e_p50", "e2e_p99", "tbt_p50", "tbt_p99", "throughput", "token_rate"):
        assert metrics[name] == pytest.approx(figures[name]), name
    assert metrics["goodput"] == pytest.approx(figures["throughput"]), "a stub keeps any limit"
    assert (metrics["rejected"], metrics["slo_share"]) == (0.0, 1.0)
    waits = (found.first_token - found.sent).reshape(-1, 3).mean(axis=0)  # three users take turns
    assert metrics["ttft_users"] == pytest.approx(np.median(waits))


def test_what_only_an_engine_knows_is_not_made_up(found: Replayed) -> None:
    run = measured(found)
    for name in ("preemptions", "recompute_share", "cache_share", "kv_peak", "energy", "imbalance"):
        assert np.isnan(run.metrics[name]), name
    assert np.isnan(run.items["start"]).all()
    assert set(run.items["preemptions"]) == set(run.items["cached"]) == {-1}


def test_an_answer_waits_then_runs_and_the_time_line_counts_every_token(found: Replayed) -> None:
    table = measured(found).series["timeline"]
    width = table["time"][0]
    assert (table["tokens"] * width).sum() == pytest.approx(found.output.sum())
    assert (table["waiting"] >= 0).all()
    assert (table["running"] >= 0).all()
    assert table["busy"].max() <= 1 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3)), max_size=12))
@settings(max_examples=60)
def test_busy_seconds_are_the_union_of_all_requests(spans: list[tuple[float, float]]) -> None:
    begin = np.array([start for start, _ in spans])
    end = begin + np.array([length for _, length in spans])
    busy = busy_seconds(begin, end, width=0.5, steps=24)
    fine = np.arange(0, 12, 1e-3) + 5e-4
    inside = np.zeros(len(fine), bool)
    for first, last in zip(begin, end, strict=True):
        inside |= (fine >= first) & (fine < last)
    assert busy == pytest.approx(inside.reshape(24, -1).sum(axis=1) * 1e-3, abs=1e-3 * (2 * len(spans) + 1))


@given(st.lists(st.lists(st.floats(0, 10), max_size=6).map(sorted), max_size=8))
@settings(max_examples=60)
def test_the_worst_gap_of_a_request_is_its_own(answers: list[list[float]]) -> None:
    offsets = np.concatenate(([0], np.cumsum([len(times) for times in answers]))).astype(np.int64)
    expected = [max(np.diff(times), default=0.0) for times in answers]
    assert worst_gaps(np.array([time for times in answers for time in times]), offsets).tolist() == expected


def test_a_run_folder_gives_the_measured_run_back(found: Replayed, lost: Replayed, tmp_path: Path) -> None:
    for name, run in (("whole", measured(found)), ("part", measured(lost))):
        folder.write(run, Document.parse("kind: serve\ntrace: poisson"), tmp_path / name)
        again = folder.read(tmp_path / name)
        for column, values in run.items.items():
            np.testing.assert_array_equal(again.items[column], values)
        np.testing.assert_array_equal(again.load.work, run.load.work)
        assert again.facts == run.facts
        text = page.render([again], title=name, metrics=METRICS)
        assert "Time to first token" in text
        assert ("incomplete" in text) == (name == "part")


def test_a_lost_server_is_marked_in_the_facts_and_in_each_request(lost: Replayed) -> None:
    run = measured(lost)
    assert run.facts["incomplete"] == lost.incomplete
    assert run.facts["sent"] == np.sum(run.items["replica"] == 0)
    assert run.facts["failed"] == np.isnan(run.items["finish"]).sum()
    assert np.isfinite(run.items["arrival"]).all()
    never = run.items["replica"] < 0
    assert all(str(error).startswith(("not sent", "ClientConnectorError")) for error in run.items["error"][never])


def test_the_benchmark_file_lists_every_gap_as_vllm_does(found: Replayed, tmp_path: Path) -> None:
    wrote = json.loads(exports["vllm-bench"]().write(measured(found), tmp_path).read_text())
    pieces = np.ceil(found.output / 3).astype(int)
    assert [len(gaps) for gaps in wrote["itls"]] == (pieces - 1).tolist()
    for k, gaps in enumerate(wrote["itls"]):
        assert wrote["ttfts"][k] + sum(gaps) == pytest.approx(wrote["latencies"][k])
    assert wrote["errors"] == [""] * 30
    assert wrote["mean_itl_ms"] == pytest.approx(1e3 * found.gaps.mean())
    assert "queue_times" not in wrote


@pytest.mark.parametrize("name", sorted(set(exports) - {"cold-starts"}))  # that one writes a run of functions
def test_every_export_writes_measured_runs(name: str, found: Replayed, lost: Replayed, tmp_path: Path) -> None:
    for k, run in enumerate((found, lost)):
        (tmp_path / str(k)).mkdir()
        assert exports[name]().write(measured(run), tmp_path / str(k)).is_file()
