"""The replay client against a server with a queue in the same machine: what it sends, notes and survives."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Prefixes, Trace
from evenly.hosts.replay import Replayed, prompt, replay

pytest.importorskip("aiohttp", reason="needs the extra `replay`")


@contextmanager
def serving(stub: Stub) -> Iterator[str]:
    """Serve from another thread and yield the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(stub.listen(), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def trace(count: int = 30) -> Trace:
    """Return a trace that lasts a second, with lengths that tell requests apart."""
    return Trace(np.linspace(0.0, 1.0, count), np.arange(10, 10 + count), np.arange(1, 1 + count))


def sent(found: Replayed, stub: Stub) -> list[tuple[int, int]]:
    """Return prompt and output of every request that the server saw, sorted; checks that all were answered."""
    assert found.error == ("",) * len(found.due)
    return sorted((len(body["prompt"]), body["max_tokens"]) for body in stub.bodies)  # type: ignore[arg-type, misc]


def test_every_request_is_sent_once_with_its_lengths_and_gets_all_its_tokens() -> None:
    stub = Stub(keep=True, piece=3)
    with serving(stub) as url:
        found = replay(trace(), url, speed=10.0)
    assert sent(found, stub) == [(10 + i, 1 + i) for i in range(30)]
    assert np.array_equal(found.output, trace().output)


def test_no_request_is_sent_before_it_is_due_and_its_times_are_in_order() -> None:
    with serving(Stub()) as url:
        found = replay(trace(), url, speed=10.0)
    assert found.due == pytest.approx(trace().arrival / 10.0)
    assert np.all(found.lag >= 0)
    assert np.all(found.sent <= found.first_token)
    assert np.all(found.first_token <= found.finish)
    figures = found.figures()
    assert figures["failed"] == 0
    assert figures["lag_p50"] <= figures["lag_p99"] <= figures["lag_max"]
    assert figures["lag_max"] == pytest.approx(found.lag.max())


def test_a_queue_shows_in_the_time_to_first_token_and_not_in_the_clients_lag() -> None:
    together = Trace(np.zeros(20), np.full(20, 100), np.full(20, 100))
    with serving(Stub(seats=1)) as url:
        found = replay(together, url)
    wait = found.first_token - found.sent
    assert np.sort(wait)[-1] >= 19 * 100 * 1e-4, "the last waits for nineteen answers of a hundred tokens"


def test_failures_are_never_sent_and_a_turn_waits_for_the_one_before() -> None:
    turns = Trace(
        np.zeros(4),
        np.array([5, 0, 20, 30]),
        np.array([50, 0, 50, 50]),
        session=np.array([0, 1, 0, 0]),
        after=np.array([-1, -1, 0, 2]),
        pause=np.array([0.0, 0.0, 1.0, 2.0]),
        failed=np.array([False, True, False, False]),
    )
    stub = Stub(keep=True)
    with serving(stub) as url:
        found = replay(turns, url, speed=20.0)
    assert len(found.due) == 3
    assert found.due[1:] == pytest.approx(found.finish[:2] + np.array([0.05, 0.1]), abs=0.02)
    assert np.all(found.lag >= 0)
    bodies = [body["prompt"] for body in stub.bodies]
    assert bodies[1][:5] == bodies[0]  # type: ignore[index]
    assert bodies[2][:20] == bodies[1]  # type: ignore[index]


def test_a_refusal_and_a_broken_answer_are_told_and_stop_nobody_else() -> None:
    with serving(Stub(refuse=1, cut=1)) as url:
        found = replay(trace(6), url, speed=2.0)
    assert sum("HTTP status 503: busy" in error for error in found.error) == 1
    assert sum(bool(error) for error in found.error) == 2
    assert np.array_equal(np.isnan(found.finish), np.array([bool(error) for error in found.error]))
    assert found.figures()["failed"] == pytest.approx(2 / 6)


def test_a_server_that_is_not_there_is_told() -> None:
    with serving(Stub()) as url:
        pass
    found = replay(trace(2), url, speed=1000.0)
    assert all("Cannot connect" in error for error in found.error)
    assert np.isnan(found.figures()["lag_p99"])


def test_a_request_that_takes_too_long_is_given_up() -> None:
    with serving(Stub()) as url:
        found = replay(Trace(np.zeros(1), np.array([5]), np.array([100_000])), url, timeout=0.2)
    assert "TimeoutError" in found.error[0]


def test_prompts_share_the_tokens_that_the_trace_says_are_shared() -> None:
    blocks = Prefixes(np.array([0, 3, 6]), np.array([1, 2, 3, 1, 2, 9]), 4)
    pair = Trace(np.zeros(2), np.array([11, 12]), np.ones(2, np.int64), prefixes=blocks)
    one, other = prompt(pair, 0), prompt(pair, 1)
    assert np.array_equal(one[:8], other[:8])
    assert not np.array_equal(one[8:], other[8:11])
    assert (len(one), len(other)) == (11, 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"speed": 0.0}, "speed is a positive factor"), ({"url": "localhost:8000"}, "no address of a server")],
)
def test_what_cannot_be_replayed_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(**{"trace": trace(1), "url": "http://localhost:1/v1"} | change)  # type: ignore[arg-type]


def test_a_trace_of_failures_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to send"):
        replay(Trace(np.zeros(1), np.array([5]), np.array([0])), "http://localhost:1/v1")
