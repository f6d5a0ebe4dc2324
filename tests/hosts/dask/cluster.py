"""Clusters in this process whose one thread stands still until all is submitted, so that order alone decides."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster
from distributed.utils import sync

from evenly.balance.queues import Queue
from evenly.hosts.dask import FairShare
from evenly.hosts.dask.accounts import OPEN

WAIT = 60  # seconds after which a test has failed


class Gate:
    """Holds the thread that comes first, and notes who comes after it was opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.order: list[str] = []

    def wait(self) -> None:
        assert self.opened.wait(WAIT)

    def note(self, name: str, *needs: Any, pure: bool = False) -> str:
        self.order.append(name)
        return name


GATES: dict[int, Gate] = {}


def hold(gate: int) -> None:
    GATES[gate].wait()


def note(gate: int, name: str, *needs: Any) -> str:
    return GATES[gate].note(name)


@contextmanager
def held(queue: Queue | None = None, workers: int = 1, on: bool = True, **kwargs: Any) -> Iterator[tuple[Any, Gate]]:
    """Yield a cluster of single threads, all of which stand still until the gate is opened."""
    number = another()
    gate = GATES[number]
    plugins = [FairShare(queue)] if on else []
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=":0",
        scheduler_kwargs={"plugins": plugins, "validate": True}, **kwargs,
    ) as cluster:  # fmt: skip
        cluster.gate = number
        with Client(cluster, name="warden") as warden:
            kept = [warden.submit(hold, number, key=f"hold-{number}-{i}") for i in range(workers)]
            until(lambda: len(sent(cluster)) == workers)
            yield cluster, gate
            gate.opened.set()
            warden.gather(kept)
        if on:
            balanced(cluster.scheduler)


def another() -> int:
    """Return the number of a gate of its own."""
    number = len(GATES)
    GATES[number] = Gate()
    return number


def sent(cluster: Any) -> list[Any]:
    """Return the keys of the tasks that workers have."""
    return [ts.key for worker in cluster.scheduler.workers.values() for ts in worker.processing]


def noted(client: Client, cluster: Any, names: list[str], **kwargs: Any) -> list[Any]:
    """Submit tasks that note their names, as one job."""
    futures = client.map(lambda name, gate: note(gate, name), names, gate=cluster.gate, key=names, **kwargs)
    arrived(cluster, names)
    return list(futures)


def arrived(cluster: Any, keys: Iterable[Any]) -> None:
    """Wait until the scheduler has tasks, and has found a state for each of them."""
    until(lambda: all(key in cluster.scheduler.tasks for key in keys))
    cluster.sync(turn)


async def turn() -> None:
    """Do nothing, after what the scheduler's loop does in one breath, such as taking a graph."""


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    pause = threading.Event()
    for _ in range(WAIT * 200):
        if true():
            return
        pause.wait(0.005)
    raise AssertionError("waited in vain")


def balanced(scheduler: Any) -> None:
    """Check that what the plug-in knows is what the scheduler does, at a moment when neither changes."""

    async def check() -> None:
        _balanced(scheduler)

    sync(scheduler.loop, check)


def _balanced(scheduler: Any) -> None:
    plugin = scheduler.plugins.get(FairShare.name)
    if plugin is None:
        return
    accounts = plugin._accounts
    states = {ts.key: ts.state for ts in list(scheduler.tasks.values())}
    assert {ts.key for ts in accounts.line} == {key for key, state in states.items() if state == "queued"}
    assert set(accounts.unfinished) | set(accounts.finished) >= {k for k, state in states.items() if state in OPEN}
    counts: dict[Any, int] = {}
    for key, part in accounts.unfinished.items():
        counts[part.job] = counts.get(part.job, 0) + (states[key] in OPEN)
    assert all(job.open == count for job, count in counts.items())


def bare(scheduler: Any) -> None:
    """Check that nothing is left in the accounts of a plug-in whose scheduler has no tasks any more."""
    accounts = scheduler.plugins[FairShare.name]._accounts
    line = accounts.line
    for name in ("unfinished", "finished", "_named", "_sent", "_ahead", "_seceded", "line"):
        assert not len(getattr(accounts, name)), name
    assert not any((line._stages, line._pools, line._jobs))
    assert not any(kind.unmeasured for kind in accounts._kinds.values())
