"""A replay in a closed loop: so many requests in flight, in the order of the trace."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Floats, Trace
from evenly.hosts.replay import Replayed, replay
from tests.hosts.served import serving, trace

pytest.importorskip("aiohttp", reason="needs the extra `replay`")


def most_in_flight(found: Replayed) -> int:
    """Return the largest number of requests between being sent and their last token, at the moments of sending."""
    return max(int(np.sum((found.sent <= moment) & (moment < found.finish))) for moment in found.sent)


@pytest.mark.parametrize("clients", [1, 4])
def test_never_more_requests_are_in_flight_than_there_are_clients(clients: int) -> None:
    long = replace(trace(12), output=np.full(12, 1000))
    with serving(Stub()) as url:
        found = replay(long, url, clients=clients)
    assert found.error == ("",) * 12
    assert most_in_flight(found) == clients


def test_arrivals_are_ignored_and_the_order_of_the_trace_is_kept() -> None:
    late = Trace(np.linspace(0, 20 * 3600.0, 20), np.arange(10, 30), np.full(20, 64))
    with serving(Stub()) as url:
        found = replay(late, url, clients=2)
    assert np.all(np.diff(found.sent) > 0)
    assert found.finish.max() < 3600.0


def test_a_turn_waits_for_the_one_before_and_its_pause_while_others_go_on() -> None:
    turns = Trace(
        np.zeros(4),
        np.array([5, 60, 5, 5]),
        np.array([50, 50, 50, 50]),
        session=np.array([0, 0, 1, 2]),
        after=np.array([-1, 0, -1, -1]),
        pause=np.array([0.0, 10.0, 0.0, 0.0]),
    )
    with serving(Stub()) as url:
        found = replay(turns, url, clients=1, speed=10.0)
    assert np.argsort(found.sent).tolist() == [0, 2, 3, 1], "the turn pauses, the others are sent meanwhile"
    assert found.sent[1] >= found.finish[0] + 1.0


def test_clients_beyond_the_requests_have_nothing_to_do() -> None:
    with serving(Stub()) as url:
        found = replay(trace(3), url, clients=64)
    assert found.error == ("",) * 3


def test_the_duration_ends_a_closed_loop_even_while_turns_pause() -> None:
    turns = Trace(
        np.zeros(2),
        np.array([5, 60]),
        np.array([1, 1]),
        session=np.zeros(2, np.int64),
        after=np.array([-1, 0]),
        pause=np.array([0.0, 3600.0]),
    )
    with serving(Stub()) as url:
        found = replay(turns, url, clients=2, duration=0.1)
    assert len(found.due) == 1
    assert found.incomplete == ""


def test_the_lag_of_a_closed_loop_is_the_clients_own_time() -> None:
    def wait(found: Replayed) -> Floats:
        return found.first_token - found.sent

    together = Trace(np.zeros(8), np.full(8, 100), np.full(8, 100))
    with serving(Stub(seats=1)) as url:
        found = replay(together, url, clients=8)
    assert np.all(found.lag >= 0)
    assert wait(found).max() >= 7 * 100 * 1e-4, "the queue of the server is not the client's lag"
