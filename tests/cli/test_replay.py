"""`evenly replay` as a user types it, against a stub in another thread."""

import asyncio
import json
import math
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.hosts.replay_client import LOST
from evenly.sweep import folder, record
from tests.cli.test_commands import failed, strict
from tests.cli.user import evenly
from tests.hosts.served import serving
from tests.sweep.samples import COMPARE, SCENARIO, TRACE, written

pytest.importorskip("aiohttp", reason="needs the extra `replay`")

TALKS = """kind: serve
trace: {use: multi-turn, conversations: 3, rate: 50, turns: 3.0, think: 0.01, context: 4096}
"""


def runs(out: Path) -> list[Path]:
    return record.read(out)[2]


def test_a_trace_file_is_replayed_into_a_table_a_report_and_a_run_folder(tmp_path: Path) -> None:
    written(tmp_path, TRACE, "my requests.csv")
    with serving(Stub(tell=True)) as url:
        said = evenly("replay", "my requests.csv", "--url", url, "--speed", "10", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    for word in ("p50", "p90", "p99", "TTFT", "TPOT", "E2E", "client lag", "3 of 3 requests answered: "):
        assert word in said.out
    assert said.out.splitlines()[-1] == "Report: runs/my requests-replay/report.html"
    (run,) = runs(tmp_path / "runs/my requests-replay")
    assert f"Run: {run.relative_to(tmp_path)}" in said.out.splitlines()
    found = folder.read(run)
    assert found.facts["loop"] == "open, speed 10"
    assert len(found.items["arrival"]) == 3
    bench = json.loads((run / "bench.json").read_text())
    assert (bench["completed"], bench["failed"], len(bench["itls"])) == (3, 0, 3)


def test_report_draws_a_replay_again_as_it_was(tmp_path: Path) -> None:
    written(tmp_path, TALKS)
    with serving(Stub()) as url:
        evenly("replay", "scenario.yaml", "--url", url, "--out", "out", "--speed", "10", cwd=tmp_path)
    page = tmp_path / "out/report.html"
    before = page.read_bytes()
    page.unlink()
    said = evenly("report", "out", "--export", "vllm-bench", cwd=tmp_path)
    assert (said.code, page.read_bytes()) == (0, before)
    (run,) = runs(tmp_path / "out")
    assert (run / "vllm-bench.json").read_bytes() == (run / "bench.json").read_bytes()


def test_json_is_a_row_with_figures_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    words = ("--set", "trace.requests=12", "--clients", "3", "--json", "--requests", "9", "--label", "mine")
    with serving(Stub()) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, *words, cwd=tmp_path)
    assert said.code == 0, said.err
    (row,) = strict(said.out)
    assert list(row) == ["label", "seed", "point", "folder", "metrics", "facts", "figures"]
    assert (row["label"], row["facts"]["loop"], row["facts"]["clients"]) == ("mine", "closed", 3)
    assert row["figures"]["requests"] == 9
    assert all(math.isfinite(row["figures"][f"{name}_p99"]) for name in ("ttft", "tpot", "e2e", "lag"))
    assert (tmp_path / "runs/scenario-replay" / row["folder"] / "marks.json").is_file()


def test_runs_in_one_folder_stand_side_by_side_measured_and_simulated(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO + COMPARE)
    evenly("compare", "scenario.yaml", "--out", "out", cwd=tmp_path)
    with serving(Stub()) as url:
        for _ in range(2):
            said = evenly("replay", "scenario.yaml", "--url", url, "--speed", "50", "--out", "out", cwd=tmp_path)
            assert said.code == 0, said.err
    labels = [cell.label for cell in record.read(tmp_path / "out")[1]]
    assert labels == ["one", "two", "replay", "replay-2"]
    text = (tmp_path / "out/report.html").read_text()
    assert all(label in text for label in labels)


def test_a_server_that_dies_is_told_kept_and_marked(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    words = ("--set", "trace.requests=80", "--set", "trace.rate=100", "--out", "out")
    with serving(Stub(last=5)) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, *words, cwd=tmp_path)
    assert said.code == 1
    assert f"incomplete: the server was lost: {LOST} requests in a row found none; " in said.err
    assert "requests failed: ClientConnectorError" in said.err
    (run,) = runs(tmp_path / "out")
    found = folder.read(run)
    assert "lost" in str(found.facts["incomplete"])
    assert np.isfinite(found.items["finish"]).sum() >= 5
    assert len(found.items["finish"]) == 80
    assert evenly("report", "out", cwd=tmp_path).code == 0


@dataclass(slots=True)
class Interrupting(Stub):
    """Presses Ctrl-C when the request after the first `answers` comes, and never answers it."""

    answers: int = 5
    seen: int = 0

    async def _answer(self, body: dict[str, object], writer: asyncio.StreamWriter) -> bool:
        self.seen += 1
        if self.seen > self.answers:
            if self.seen == self.answers + 1:
                os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600.0)
        return await Stub._answer(self, body, writer)


def test_an_interrupt_ends_with_130_and_keeps_what_is_there(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    with serving(Interrupting()) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, "--clients", "1", "--out", "out", cwd=tmp_path)
    assert said.code == 128 + signal.SIGINT
    assert "incomplete: stopped by hand" in said.err
    (run,) = runs(tmp_path / "out")
    assert np.isfinite(folder.read(run).items["finish"]).sum() == 5


def test_an_interrupt_before_any_answer_leaves_nothing(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    with serving(Interrupting(answers=0)) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, "--clients", "1", cwd=tmp_path)
    assert (said.code, said.out) == (128 + signal.SIGINT, "")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_a_damaged_list_of_runs_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/plan.json").write_text("{")
    stub = Stub(keep=True)
    with serving(stub) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, "--out", "out", cwd=tmp_path)
    failed(said, "out/plan.json: damaged")
    assert stub.bodies == []


def test_nothing_is_written_where_nothing_was_answered(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    with serving(Stub(refuse=10_000, status=404, reason=b'{"detail": "no model"}')) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, "--out", "out", "--model", "nope", cwd=tmp_path)
        failed(said, f"{url}/completions: the server answers 404: no model; name with --model one")
    failed(evenly("replay", "scenario.yaml", "--url", url, "--out", "out", cwd=tmp_path), f"{url}: no server can be")
    with serving(Stub(refuse=10_000)) as url:
        said = evenly("replay", "scenario.yaml", "--url", url, "--out", "out", "--speed", "100", cwd=tmp_path)
        failed(said, f"{url}: no request was answered; the first failed with: RefusedError: HTTP status 503: busy")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_what_differs_from_the_trace_is_told_on_the_side(tmp_path: Path) -> None:
    written(tmp_path, TALKS)
    words = ("replay", "scenario.yaml", "--speed", "10", "--url")
    with serving(Stub(tell=True, extra=1)) as url:
        said = evenly(*words, url, cwd=tmp_path)
    assert " prompts have another length for the server: +1 tokens" in said.err
    assert "by chance" not in said.err
    with serving(Stub()) as url:
        said = evenly(*words, url, cwd=tmp_path)
    assert " turns were drawn by chance where the former answer should stand" in said.err


@pytest.mark.parametrize("words", [(), ("--no-hints",)], ids=["hints", "none"])
def test_options_reach_the_server(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, TRACE, "requests.csv")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    stub = Stub(keep=True)
    with serving(stub) as url:
        more = ("--model", "m", "--vocabulary", "2000", "--speed", "10", *words)
        evenly("replay", "requests.csv", "--url", url, *more, cwd=tmp_path)
    for body in stub.bodies:
        assert body["model"] == "m"
        assert ("vllm_xargs" in body) == (words == ())
        assert max(body["prompt"]) < 2000  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.csv", "--url", "http://localhost:1/v1"), "no scenario or trace 'absent.csv'"),
        (("scenario.yaml",), "--url"),
        (("scenario.yaml", "--url", "localhost:1"), "'localhost:1' is no address of a server"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--clients", "0"), "--clients is at least 1, not 0"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--requests", "0"), "--requests is at least 1, not 0"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--vocabulary", "9"), "--vocabulary is at least 1100"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--speed", "0"), "speed is a positive factor, not 0"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--duration", "0"), "duration is a positive number"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--set", "rplicas=2"), "no field 'rplicas'; did you mean"),
        (("scenario.yaml", "--url", "http://localhost:1/v1", "--out", "scenario.yaml/x"), "cannot be written"),
    ],
)
def test_a_mistake_is_one_message_and_sends_nothing(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    failed(evenly("replay", *words, cwd=tmp_path), said)
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]
