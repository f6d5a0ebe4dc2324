"""Queues: whose task a free slot of a shared cluster runs next."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from evenly.core import Catalog


@dataclass(frozen=True, slots=True)
class Stage:
    """Tasks of one job that may run at the same time."""

    id: Hashable
    job: Hashable
    user: str
    tasks: int = 1
    work: float = 0.0
    "Core-seconds that all its tasks are estimated to take."
    job_work: float = 0.0
    "Core-seconds that all stages of its job are estimated to take."
    demand: tuple[float, ...] = (1.0,)
    "What one task holds of each resource of the cluster, cores first."


class Turns(Protocol):
    """Keeps who has had what on one cluster, and tells from it whose turn it is.

    Stages wait in pools, and a free slot goes to the pool whose key is smallest, and in it to the job that came first,
    and of that to the stage that came first. Pools may be in larger ones; then the larger ones go by their keys, and
    the pools of one by theirs. A verb returns the pools whose keys it lowered; a key may rise untold, so the caller
    asks for the smallest anew before it serves a pool. `now` never falls. Nothing here is ever interrupted: a key only
    says who is next. Jobs and stages of all users have ids of their own.

    What a class that inherits from this one does not define changes nothing.
    """

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Take a stage whose tasks can run from now on, or one that is known and whose estimates have changed."""
        return ()

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Note that one task of a stage takes a slot."""
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Note that one task frees the slot that it held for so many seconds, even if it has to run anew."""
        return ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Forget a stage: all its tasks have finished, or its client is gone. None of its tasks hold a slot."""
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return where the tasks of a stage wait; it never changes."""
        ...

    def outer(self, pool: Hashable) -> Hashable:
        """Return the larger pool that a pool is in, whose name no pool has; `None` if there is none. It never changes.

        All pools of a queue are in one, or none is. When all keys in a larger pool fall alike, only its own need be
        told.
        """
        return None

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return when it is a pool's turn among those it stands with, smaller earlier; of one length, no two equal."""
        ...


def standing(turns: Turns, pool: Hashable) -> tuple[float, ...]:
    """Return when it is a pool's turn among all: its key, after that of the larger pool that it is in."""
    outer = turns.outer(pool)
    return turns.key(pool) if outer is None else (*turns.key(outer), *turns.key(pool))


class Queue(Protocol):
    """A policy that shares a cluster between users, their jobs, or whoever comes first.

    The object holds knobs alone; the same one decides in the simulator, in Dask and in Spark.
    """

    def open(self, capacity: tuple[float, ...]) -> Turns:
        """Return the turns of a cluster that has so much of each resource, cores first, and where nothing runs yet."""
        ...


queues: Catalog[Queue] = Catalog(__name__, Queue)
