"""What the prompts of a replay hold, and what is told besides them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stub import Stub
from evenly.core import Prefixes, Trace
from evenly.hosts.replay import replay
from evenly.hosts.replay_hints import Hints
from evenly.hosts.replay_prompts import FIRST_ID, LEAST, Prompts, extends
from evenly.kernel.serving.setup import _requests
from evenly.traces.sources.multi_turn import MultiTurn
from tests.hosts.served import serving

pytest.importorskip("aiohttp", reason="needs the extra `replay`")


@st.composite
def conversations(draw: st.DrawFn) -> Trace:
    """Draw sessions whose turns mostly grow, one after the other."""
    prompt: list[int] = []
    output: list[int] = []
    session: list[int] = []
    after: list[int] = []
    for number in range(draw(st.integers(1, 4))):
        code = draw(st.sampled_from([number, -1]))
        for turn in range(draw(st.integers(1, 4))):
            after.append(len(prompt) - 1 if turn else -1)
            prompt.append(draw(st.integers(1, 40)) + (prompt[-1] if turn else 0))
            output.append(draw(st.integers(1, 20)))
            session.append(code)
    return Trace(np.zeros(len(prompt)), np.array(prompt), np.array(output), np.array(session), np.array(session),
                 after=np.array(after))  # fmt: skip


@given(conversations())
@settings(max_examples=60)
def test_a_turn_goes_on_from_the_former_exactly_where_the_simulator_shares_history(trace: Trace) -> None:
    made = _requests(trace)
    assert trace.after is not None
    goes_on = (made["history"] != np.arange(len(trace))) | (made["fork"] > 0)  # with a conversation, or off one
    expected = np.where(goes_on, trace.after, -1)
    assert np.array_equal(extends(trace), expected)


@given(conversations())
@settings(max_examples=60)
def test_a_turn_is_the_former_prompt_its_answer_and_something_new(trace: Trace) -> None:
    prompts = Prompts(trace)
    texts = []
    for request in range(len(trace)):
        ids = prompts.ids(request)
        prompts.body(request)
        texts.append(ids)
        assert len(ids) == trace.prompt[request]
        former = int(extends(trace)[request])
        if former >= 0:
            answer = np.arange(trace.output[former]) + former
            assert np.array_equal(ids[: len(texts[former])], texts[former])
            assert np.array_equal(ids[len(texts[former]) :][: len(answer)], answer)
        assert prompts.wants(request) == bool(np.any(extends(trace) == request))
        prompts.answered(request, (np.arange(trace.output[request]) + request).tolist())
    assert prompts.texts == {}, "what no turn waits for is forgotten"


def test_a_conversation_over_the_wire_holds_the_servers_own_answers() -> None:
    trace = MultiTurn(conversations=3, rate=100.0, turns=4.0, system=32, think=0.01).draw(1)
    stub = Stub(tell=True, keep=True, piece=7)
    with serving(stub) as url:
        found = replay(trace, url, speed=10.0)
    assert found.error == ("",) * len(trace)
    texts = [np.array(body["prompt"]) for body in stub.bodies]
    later = [text for text in texts if any(len(text) > len(other) and _begins(text, other) for other in texts)]
    assert trace.after is not None
    assert len(later) == np.sum(trace.after >= 0)
    assert np.array_equal(found.follows, np.where(trace.after >= 0, 1, -1))
    asked = [body for body in stub.bodies if "return_token_ids" in body]
    assert len(asked) == len(np.unique(trace.after[trace.after >= 0])), "of nobody else"


def _begins(
    text: "np.ndarray[tuple[int], np.dtype[np.int64]]", former: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> bool:
    """Tell whether a prompt begins with another one and the stub's answer to it."""
    answer = text[len(former)] if len(text) > len(former) else -1
    return bool(np.array_equal(text[: len(former)], former)) and int(answer) == int(former[-1])


def test_a_server_that_gives_no_ids_gets_turns_by_chance_and_that_is_counted() -> None:
    trace = MultiTurn(conversations=2, rate=100.0, turns=3.0, think=0.01).draw(0)
    stub = Stub(keep=True)
    with serving(stub) as url:
        found = replay(trace, url, speed=10.0)
    assert trace.after is not None
    assert np.array_equal(found.follows, np.where(trace.after >= 0, 0, -1))
    assert sorted(len(body["prompt"]) for body in stub.bodies) == sorted(trace.prompt)  # type: ignore[arg-type]


def test_prompts_share_the_tokens_that_the_trace_says_are_shared() -> None:
    blocks = Prefixes(np.array([0, 3, 6]), np.array([1, 2, 3, 1, 2, 9]), 4)
    pair = Trace(np.zeros(2), np.array([11, 12]), np.ones(2, np.int64), prefixes=blocks)
    prompts = Prompts(pair)
    one, other = prompts.ids(0), prompts.ids(1)
    assert np.array_equal(one[:8], other[:8])
    assert not np.array_equal(one[8:], other[8:11])
    assert (len(one), len(other)) == (11, 12)


@given(st.integers(LEAST, 20_000), st.integers(1, 300))
@settings(max_examples=40)
def test_every_id_of_a_prompt_is_in_the_vocabulary_and_no_special_token(vocabulary: int, length: int) -> None:
    lengths = np.array([length, length])
    prompts = Prompts(Trace(np.zeros(2), lengths, np.ones(2, np.int64)), vocabulary)
    one, other = prompts.ids(0), prompts.ids(1)
    assert min(one.min(), other.min()) >= FIRST_ID
    assert max(one.max(), other.max()) < vocabulary
    assert not np.array_equal(one, other)


def told(hints: Hints, request: int) -> dict[str, Any]:
    """Return the fields of a request but for the salt."""
    return {name: value for name, value in hints.of(request).items() if name != "cache_salt"}


def test_two_replays_share_nothing_in_the_servers_cache_and_one_does() -> None:
    trace = Trace(np.zeros(2), np.ones(2, np.int64), np.ones(2, np.int64))
    one, other = Hints(trace), Hints(trace)
    assert one.of(0)["cache_salt"] == one.of(1)["cache_salt"] != other.of(0)["cache_salt"]


def test_hints_tell_what_the_trace_knows_and_nothing_else() -> None:
    known = Trace(
        np.zeros(3),
        np.full(3, 5),
        np.array([7, 8, 9]),
        user=np.array([3, 4, -1]),
        session=np.array([17, -1, 17]),
        priority=np.array([2, 0, -1]),
        tool=np.array([4, -1, 5]),
        deadline=np.array([1.5, np.inf, np.inf]),
        extra={"unknown": np.array([1, 2, 3])},
    )
    hints = Hints(known)
    turn = {"evenly_user": "3", "evenly_program": "17", "evenly_turn": 0, "evenly_last_turn": 0}
    assert told(hints, 0) == {
        "vllm_xargs": turn | {"evenly_tool": "4", "evenly_deadline": 1.5, "evenly_output": 7},
        "priority": 2,
    }
    assert told(hints, 1) == {"vllm_xargs": {"evenly_user": "4", "evenly_output": 8}, "priority": 0}
    last = {"evenly_program": "17", "evenly_turn": 1, "evenly_last_turn": 1, "evenly_tool": "5", "evenly_output": 9}
    assert told(hints, 2) == {"vllm_xargs": last, "priority": -1}
    bare = Trace(np.zeros(1), np.full(1, 5), np.array([7]))
    assert told(Hints(bare), 0) == {"vllm_xargs": {"evenly_output": 7}}


@pytest.mark.parametrize("hints", [True, False])
def test_hints_are_sent_only_if_asked_for(hints: bool) -> None:
    stub = Stub(keep=True)
    with serving(stub) as url:
        replay(Trace(np.zeros(1), np.full(1, 5), np.array([7]), priority=np.array([1])), url, hints=hints)
    (body,) = stub.bodies
    assert ("vllm_xargs" in body, "priority" in body) == (hints, hints)
