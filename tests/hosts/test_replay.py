"""The replay client against a server with a queue in the same machine: what it sends, notes and survives."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Trace
from evenly.hosts.replay import Replayed, replay
from tests.hosts.served import serving, trace

pytest.importorskip("aiohttp", reason="needs the extra `replay`")


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
    assert figures["throughput"] == pytest.approx(30 / (found.finish.max() - found.sent[0]))


def test_every_piece_of_every_answer_is_kept_and_gaps_never_reach_over_answers() -> None:
    with serving(Stub(piece=3)) as url:
        found = replay(trace(), url, speed=10.0)
    pieces = np.ceil(found.output / 3)
    assert np.array_equal(np.diff(found.offsets), pieces)
    assert np.array_equal(found.pieces[found.offsets[:-1]], found.first_token)
    assert np.array_equal(found.pieces[found.offsets[1:] - 1], found.finish)
    assert len(found.gaps) == (pieces - 1).sum()
    assert found.gaps.sum() == pytest.approx((found.finish - found.first_token).sum())


def test_a_trace_that_counts_from_midnight_begins_at_once() -> None:
    late = replace(trace(3), arrival=trace(3).arrival + 28_800.0)
    with serving(Stub()) as url:
        found = replay(late, url, speed=10.0)
    assert found.due == pytest.approx(trace(3).arrival / 10.0)


def test_nothing_is_sent_after_the_duration_and_what_was_due_later_is_left_out() -> None:
    stub = Stub(keep=True)
    with serving(stub) as url:
        found = replay(trace(), url, speed=10.0, duration=0.05)
    assert len(found.due) == len(stub.bodies) == np.sum(trace().arrival / 10.0 < 0.05)
    assert (set(found.error), found.incomplete) == ({""}, "")


def test_lengths_that_the_server_counts_otherwise_are_counted() -> None:
    with serving(Stub(tell=True, extra=1)) as url:
        found = replay(trace(5), url, speed=10.0)
    assert found.mismatches() == {"prompt": 5, "output": 0}
    assert np.array_equal(found.counted, trace(5).prompt + 1)
    assert found.model == "stub"


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
        pause=np.array([0.0, 0.0, 100.0, 200.0]),
        failed=np.array([False, True, False, False]),
    )
    stub = Stub(keep=True)
    with serving(stub) as url:
        found = replay(turns, url, speed=2000.0)
    assert len(found.due) == 3
    waited = found.due[1:] - found.finish[:2]
    assert np.all(waited >= np.array([0.05, 0.1]))
    assert np.all(waited < np.array([100.0, 200.0])), "pauses pass as fast as the rest"
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


def test_a_request_that_takes_too_long_is_given_up() -> None:
    with serving(Stub()) as url:
        found = replay(Trace(np.zeros(1), np.array([5]), np.array([100_000])), url, timeout=0.2)
    assert "TimeoutError" in found.error[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 0.0}, "speed is a positive factor, not 0.0"),
        ({"url": "localhost:8000"}, "'localhost:8000' is no address of a server; write it as http"),
        ({"clients": 0}, "clients is at least 1, not 0"),
        ({"duration": 0.0}, "duration is a positive number of seconds, not 0.0"),
        ({"timeout": -1.0}, "timeout is a positive number of seconds, not -1.0"),
        ({"vocabulary": 256}, "--vocabulary is at least 1100 token ids, not 256"),
    ],
)
def test_what_cannot_be_replayed_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(**{"trace": trace(1), "url": "http://localhost:1/v1"} | change)  # type: ignore[arg-type]


def test_a_trace_of_failures_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to send"):
        replay(Trace(np.zeros(1), np.array([5]), np.array([0])), "http://localhost:1/v1")
