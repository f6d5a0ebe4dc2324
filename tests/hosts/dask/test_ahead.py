"""Short tasks are sent ahead to a thread that is about to be free, and nothing else is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dask import annotate  # type: ignore[attr-defined]
from distributed import Client, wait

from evenly.balance.queues import Queue
from evenly.hosts.dask import FairShare, accounts
from tests.hosts.dask.cluster import GATES, Gate, another, held, note, sent, until
from tests.hosts.heard import Heard


def piece(gate: int, name: str) -> str:
    """Note a name, or stand still until the gate is opened and note it then."""
    if name == "stop":
        GATES[gate].wait()
    return GATES[gate].note(name)


def pieces(client: Client, gate: int, *names: str, estimate: float = 100.0) -> list[Any]:
    """Submit tasks of one kind, as one job."""
    with annotate(estimate=estimate):
        futures = client.map(piece, [gate] * len(names), names, key=[("piece", gate, name) for name in names])
    return list(futures)


@contextmanager
def stopped(queue: Queue | None = None) -> Iterator[tuple[Any, Client, int, Gate]]:
    """Yield a cluster whose only thread stands still in a task of a kind that was short until then."""
    with held(queue) as (cluster, gate), Client(cluster, name="heavy") as heavy:
        gate.opened.set()
        wait(pieces(heavy, another(), *"abcde"))
        number = another()
        (kept,) = pieces(heavy, number, "stop")
        until(lambda: sent(cluster) == [("piece", number, "stop")])
        yield cluster, heavy, number, GATES[number]
        GATES[number].opened.set()
        wait(kept)


def test_one_short_task_is_sent_ahead_and_the_others_wait_for_their_turn() -> None:
    with stopped() as (cluster, heavy, number, gate), Client(cluster, name="light") as light:
        first = pieces(heavy, number, "one", "two", "three", "four")
        until(lambda: len(cluster.scheduler.queued) == 3)
        second = pieces(light, number, "light", estimate=1.0)
        until(lambda: len(cluster.scheduler.queued) == 4)
        assert {name for *_, name in sent(cluster)} == {"stop", "one"}
        gate.opened.set()
        wait([*first, *second])
        assert gate.order == ["stop", "one", "light", "two", "three", "four"]


def test_a_task_that_may_be_long_waits_for_a_free_thread_and_lets_nobody_pass() -> None:
    with stopped() as (cluster, heavy, number, gate), Client(cluster, name="light") as light:
        with annotate(estimate=1.0):
            unknown = light.submit(note, number, "unknown")
        until(lambda: len(cluster.scheduler.queued) == 1)
        first = pieces(heavy, number, "one", "two")
        until(lambda: len(cluster.scheduler.queued) == 3)
        assert [name for *_, name in sent(cluster)] == ["stop"]
        gate.opened.set()
        wait([*first, unknown])
        assert gate.order == ["stop", "unknown", "one", "two"]


def test_a_task_that_was_sent_ahead_holds_no_thread_before_the_one_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, heard = [0.0], Heard()
    monkeypatch.setattr(accounts, "monotonic", lambda: clock[0])
    with stopped(heard) as (cluster, heavy, number, gate):
        first = pieces(heavy, number, "one")
        until(lambda: len(sent(cluster)) == 2)
        clock[0] = 1000.0
        gate.opened.set()
        wait(first)
        stop, ahead = heard.seconds[-2:]
        assert stop == 1000.0
        assert ahead < 1000.0
        known = cluster.scheduler.plugins[FairShare.name]._accounts
        assert not known._sent
        assert not known._ahead
