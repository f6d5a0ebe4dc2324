"""Two threads that copy runs of pages, one in each direction, while the caller goes on.

Copies of one direction happen in the order in which they were asked for. A copy waits for earlier copies of the other
direction that touch one of its pages, and for nothing else. Nothing is complete before its task says so. A copy waits
only for what was asked for before it, so that no two wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Protocol

import numpy as np

from evenly.core import Bools, Ints
from evenly.hosts.arenas.arena import Halves, copy

DEVICE, HOST = 0, 1
OUT, IN = 0, 1  # the side that a copy reads


@dataclass(slots=True, eq=False)
class Task:
    """A copy that was asked for."""

    number: int
    direction: int
    moves: Ints
    after: Sequence["Task"]
    done: Event = field(default_factory=Event)
    failure: BaseException | None = None

    def wait(self) -> None:
        """Return when the copy is complete; raise what went wrong in it."""
        self.done.wait()
        if self.failure is not None:
            raise self.failure

    def runs(self, side: int) -> Ints:
        """Return first page and pages of each run that the copy touches on a side, shape [run, 2]."""
        return self.moves[:, [int(side != self.direction), 2]]


class Watch(Protocol):
    """Someone who is told when a copy is asked for, begins and ends."""

    def asked(self, task: Task) -> None:
        """Take note of a copy to come."""
        ...

    def began(self, task: Task) -> None:
        """Take note that its first page is about to be copied."""
        ...

    def ended(self, task: Task) -> None:
        """Take note that its last page was copied."""
        ...


class Copier:
    """Copy between the arenas of device and host; leave it as a context, and both threads are done."""

    def __init__(self, device: Halves, host: Halves, watch: Watch) -> None:
        self._arenas = (device, host)
        self._watch = watch
        self._queues: tuple[SimpleQueue[Task | None], SimpleQueue[Task | None]] = (SimpleQueue(), SimpleQueue())
        self._pending: list[Task] = []
        self._lock = Lock()
        self._asked = 0
        self._threads = [Thread(target=self._work, args=(queue,), daemon=True) for queue in self._queues]

    def __enter__(self) -> "Copier":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, direction: int, moves: Ints, after: Sequence[Task] = ()) -> Task:
        """Ask for a copy, which begins no earlier than `after` are complete; return at once."""
        task = Task(self._asked, direction, moves, ())
        others = [other for side in (DEVICE, HOST) for other in self.conflicts(side, task.runs(side))]
        task.after = [*after, *(other for other in others if other.direction != direction)]
        self._asked += 1
        self._watch.asked(task)
        with self._lock:
            self._pending.append(task)
        self._queues[direction].put(task)
        return task

    def conflicts(self, side: int, runs: Ints) -> list[Task]:
        """Return the unfinished copies that touch a page of these runs on a side."""
        with self._lock:
            return [task for task in self._pending if overlap(task.runs(side), runs).any()]

    def settle(self, side: int, runs: Ints) -> int:
        """Wait for exactly the copies that touch a page of these runs; return how many there were."""
        found = self.conflicts(side, runs)
        for task in found:
            task.wait()
        return len(found)

    def _work(self, queue: "SimpleQueue[Task | None]") -> None:
        while (task := queue.get()) is not None:
            try:
                for other in task.after:
                    other.wait()
                self._watch.began(task)
                copy(self._arenas[task.direction], self._arenas[1 - task.direction], task.moves)
                self._watch.ended(task)
            except BaseException as failure:
                task.failure = failure
            with self._lock:
                self._pending.remove(task)
            task.done.set()


def overlap(runs: Ints, others: Ints) -> Bools:
    """Tell which of the runs share a page with which of the others.

    >>> overlap(np.array([[0, 4], [8, 2]]), np.array([[4, 4], [9, 1]])).tolist()
    [[False, False], [False, True]]
    """
    begin, end = runs[:, :1], runs[:, :1] + runs[:, 1:]
    return np.asarray((begin < others[:, 0] + others[:, 1]) & (others[:, 0] < end), np.bool_)
