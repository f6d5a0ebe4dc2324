"""Replays against a real vLLM: exact lengths, its cache meets the conversations, and it may die."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.hosts.vllm.server import Server, left, model_folder, needs_vllm, running, serving

needs_vllm()

from evenly.core import Trace  # noqa: E402 nothing is imported where the tests are skipped
from evenly.hosts.replay import replay  # noqa: E402
from evenly.serve.engines.vllm_v1 import VllmV1  # noqa: E402
from evenly.serve.scenario import ServeScenario  # noqa: E402
from evenly.sweep import folder, record  # noqa: E402
from evenly.traces.sources.multi_turn import MultiTurn  # noqa: E402
from tests.cli.user import evenly  # noqa: E402

pytestmark = pytest.mark.vllm
VOCABULARY = 8000  # of the tiny model
BLOCK = 32  # tokens; attention on a CPU takes multiples of 32


def requests(count: int) -> Trace:
    """Return requests of many lengths that come within a second, each known by its lengths."""
    chance = np.random.default_rng(count)
    lengths = chance.integers(5, 200, count), chance.integers(1, 40, count)
    return Trace(np.sort(chance.uniform(0.0, 1.0, count)), *lengths)


def talks() -> Trace:
    """Return conversations that share nothing with each other."""
    source = MultiTurn(
        conversations=4,
        rate=4.0,
        turns=3.0,
        user_median=40,
        user_longest=120,
        answer_median=24,
        answer_longest=40,
        think=0.1,
        context=1024,
    )
    return source.draw(3)


@pytest.mark.parametrize("clients", [None, 4], ids=["open", "closed"])
def test_twenty_requests_get_exactly_their_tokens(vllm: Server, clients: int | None) -> None:
    found = replay(requests(20), vllm.url, vllm.model, clients=clients, vocabulary=VOCABULARY, hints=True)
    assert found.error == ("",) * 20
    assert found.mismatches() == {"prompt": 0, "output": 0}
    assert np.array_equal(found.counted, found.trace.prompt)
    assert found.model == vllm.model
    assert np.all(found.sent < found.first_token)
    assert np.all(found.first_token <= found.finish)


def test_a_turn_finds_the_conversation_before_it_in_the_cache_up_to_the_last_whole_block(vllm: Server) -> None:
    trace = talks()
    assert trace.after is not None
    found = replay(trace, vllm.url, vllm.model, vocabulary=VOCABULARY)
    assert found.error == ("",) * len(trace)
    later = trace.after >= 0
    assert np.array_equal(found.follows, np.where(later, 1, -1))
    before = trace.after[later]
    kept = (trace.prompt[before] + trace.output[before] - 1) // BLOCK * BLOCK  # the last token is never computed
    assert found.cached[later].tolist() == kept.tolist()


@pytest.mark.slow
def test_vllm_finds_in_its_cache_what_the_simulator_finds_token_by_token(vllm: Server) -> None:
    trace = talks()
    assert trace.session is not None
    other = replace(trace, session=trace.session + 100)  # no text that the server has seen in another test
    found = replay(other, vllm.url, vllm.model, vocabulary=VOCABULARY)
    run = ServeScenario(trace=MultiTurn(), engine=VllmV1(block_size=BLOCK)).simulate(trace=trace)
    assert found.cached.tolist() == run.requests["cached"].tolist()
    assert found.cached.sum() > 0


def test_the_command_keeps_a_run_that_the_report_draws(vllm: Server, tmp_path: Path) -> None:
    (tmp_path / "talks.yaml").write_text(
        "kind: serve\ntrace: {use: multi-turn, conversations: 3, rate: 5, turns: 2.0, answer_median: 10, "
        "answer_longest: 20, user_longest: 100, think: 0.1, context: 1024}\n"
    )
    words = ("--url", vllm.url, "--vocabulary", str(VOCABULARY), "--out", "out")
    said = evenly("replay", "talks.yaml", *words, cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    (run,) = record.read(tmp_path / "out")[2]
    outcome = folder.read(run)
    assert outcome.metrics["cache_share"] > 0
    assert outcome.facts["model"] == vllm.model
    assert evenly("report", "out", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("trace", "model", "message"),
    [
        (requests(3), "nope", "404: The model `nope` does not exist.*name with --model one that .*/v1/models lists"),
        (
            replace(requests(3), prompt=np.full(3, 5000)),
            "",
            "400: .*2048.*the request has 5000 tokens .*--max-model-len",
        ),
    ],
    ids=["model", "length"],
)
def test_what_vllm_refuses_is_told_in_its_words(vllm: Server, trace: Trace, model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(trace, vllm.url, model, vocabulary=VOCABULARY, hints=True)


@pytest.mark.slow
def test_an_engine_that_is_killed_keeps_what_was_measured_and_leaves_no_process(tmp_path: Path) -> None:
    with serving(model_folder(tmp_path / "model")) as server:
        assert len(running(server.process)) > 1, "the engine has a process of its own"

        def kill(done: float, total: float) -> None:
            if done == 8:
                os.killpg(server.process.pid, signal.SIGKILL)

        found = replay(requests(60), server.url, speed=0.5, vocabulary=VOCABULARY, progress=kill)
    assert 8 <= np.isfinite(found.finish).sum() < 60
    assert found.incomplete.startswith("the server was lost")
    assert server.process.returncode == -signal.SIGKILL
    assert left(server.process) == []
