"""Servers that are not there, refuse, or go away: one clear error, or what was measured until then."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Trace
from evenly.hosts.replay import replay
from evenly.hosts.replay_client import BY_HAND, LOST
from tests.hosts.served import serving, trace

pytest.importorskip("aiohttp", reason="needs the extra `replay`")


def test_a_server_that_is_not_there_is_named_before_anything_else_is_sent() -> None:
    with serving(Stub()) as url:
        pass
    with pytest.raises(ValueError, match=f"{url}: no server can be reached \\(Connection refused\\); start it"):
        replay(trace(), url)


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (404, b'{"error": {"message": "The model `x` does not exist."}}', "404: The model `x` does not exist.; name"),
        (404, b'{"detail": "Not Found"}', "404: Not Found; name with --model one that http.*v1/models lists"),
        (400, b'{"error": {"message": "Unknown field: vllm_xargs"}}', "400: Unknown field: vllm_xargs; .*--no-hints"),
        (400, b"Token id 8999 is out of vocabulary", "out of vocabulary; .*--vocabulary"),
        (400, b"min_tokens must be less than max_tokens=3", "has 10 tokens and asks for 1: serve a longer context"),
        (401, b"Unauthorized", "401: Unauthorized; it wants a key: .*OPENAI_API_KEY"),
        (422, b"no\n\n  such   thing", "422: no such thing; "),
    ],
)
def test_a_refusal_of_the_first_request_is_told_in_the_servers_words(status: int, reason: bytes, message: str) -> None:
    stub = Stub(refuse=1000, status=status, reason=reason, keep=True)
    with serving(stub) as url, pytest.raises(ValueError, match=message):
        replay(trace(), url, hints=True)
    assert len(stub.bodies) < 30, "the others are not sent"


def test_a_refusal_after_an_answer_is_that_requests_own() -> None:
    stub = Stub(status=400, reason=b"too long")
    turns = Trace(np.zeros(2), np.array([5, 9]), np.array([1, 1]), after=np.array([-1, 0]))
    with serving(stub) as url:
        found = replay(turns, url, speed=100.0, progress=lambda done, total: setattr(stub, "refuse", 1))
    assert found.error == ("", "RefusedError: HTTP status 400: too long")


@pytest.mark.parametrize("clients", [None, 3], ids=["open", "closed"])
def test_a_server_that_dies_keeps_what_was_measured_and_marks_the_rest(clients: int | None) -> None:
    with serving(Stub(last=5)) as url:
        found = replay(trace(60), url, speed=2.0, clients=clients)
    answered = ~np.isnan(found.finish)
    assert 5 <= answered.sum() < 60 - LOST
    assert found.incomplete == f"the server was lost: {LOST} requests in a row found none"
    unsent = [error for error in found.error if error == f"not sent: {found.incomplete}"]
    assert len(unsent) >= 1
    assert len(found.due) == 60
    assert sum(not error for error in found.error) == answered.sum()


def test_connections_that_break_now_and_then_do_not_end_a_replay() -> None:
    with serving(Stub(cut=LOST - 1)) as url:
        found = replay(trace(), url, speed=10.0, clients=1)
    assert found.incomplete == ""
    assert sum(bool(error) for error in found.error) == LOST - 1


def test_a_connection_that_the_server_closes_as_it_is_used_costs_no_request() -> None:
    stub = Stub(stale=5)
    with serving(stub) as url:
        found = replay(trace(), url, speed=10.0, clients=1)
    assert stub.stale == 0
    assert not any(found.error)


@pytest.fixture(params=["ours", "theirs"])
def handler(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return who hears of Ctrl-C before a replay: Python, or a library that has taken its place."""

    def theirs(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    hears = signal.default_int_handler if request.param == "ours" else theirs
    signal.signal(signal.SIGINT, hears)
    yield hears
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("clients", [None, 2], ids=["open", "closed"])
def test_an_interrupt_keeps_what_was_measured(clients: int | None, handler: Any) -> None:
    slow = Trace(np.linspace(0, 0.4, 40), np.full(40, 10), np.where(np.arange(40) < 5, 1, 1_000_000))
    stub = Stub()
    interrupt = threading.Event()

    def tell(done: float, total: float) -> None:
        if done == 5 and not interrupt.is_set():
            interrupt.set()
            os.kill(os.getpid(), signal.SIGINT)

    with serving(stub) as url:
        found = replay(slow, url, clients=clients, progress=tell)
    assert found.incomplete == BY_HAND
    assert np.array_equal(~np.isnan(found.finish), np.arange(40) < 5)
    assert set(found.error[5:]) <= {f"not answered: {BY_HAND}", f"not sent: {BY_HAND}"}
    assert signal.getsignal(signal.SIGINT) is handler
