"""Who waits for a slot, in the order that a queue gives."""

import heapq
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from evenly.balance.queues import Stage, Turns

T = TypeVar("T")


@dataclass(slots=True)
class Line(Generic[T]):
    """Tasks of many stages that wait, the next of which is found in logarithmic time of the pools, not the tasks.

    The caller tells `turns` what happens and hands what they return to `moved`.

    >>> from evenly.balance.queues.first_come import FirstCome
    >>> turns = FirstCome().open((2.0,))
    >>> line = Line(turns)
    >>> for stage, tasks in ((Stage("a", "a", "ann", 2), ["a0", "a1"]), (Stage("b", "b", "bob"), ["b0"])):
    ...     line.moved(turns.submit(stage, 0.0))
    ...     line.add(stage, tasks)
    >>> [line.pop()[1] for _ in range(len(line))]
    ['a0', 'a1', 'b0']
    """

    turns: Turns
    _heap: list[tuple[tuple[float, ...], int, Hashable]] = field(default_factory=list)
    _keys: dict[Hashable, tuple[float, ...]] = field(default_factory=dict)
    _pools: dict[Hashable, dict[Hashable, tuple[Stage, list[T]]]] = field(default_factory=dict)
    _count: int = 0
    _pushed: int = 0

    def __len__(self) -> int:
        """Return how many tasks wait."""
        return self._count

    def add(self, stage: Stage, tasks: Iterable[T]) -> None:
        """Let tasks of a stage wait, behind those of it that already do."""
        pool = self.turns.pool(stage)
        stages = self._pools.setdefault(pool, {})
        waiting = stages.setdefault(stage.id, (stage, []))[1]
        before = len(waiting)
        waiting[:0] = reversed(list(tasks))
        self._count += len(waiting) - before
        self.moved((pool,))

    def moved(self, pools: Iterable[Hashable]) -> None:
        """Ask for the keys of pools anew."""
        for pool in pools:
            if pool in self._pools:
                key = self.turns.key(pool)
                if self._keys.get(pool) != key:
                    self._keys[pool] = key
                    heapq.heappush(self._heap, (key, self._pushed, pool))
                    self._pushed += 1

    def peek(self) -> Stage:
        """Return the stage whose task is next; raise `IndexError` where nothing waits."""
        stages = self._pools[self._first()]
        return next(iter(stages.values()))[0]

    def pop(self) -> tuple[Stage, T]:
        """Take the next task out; raise `IndexError` where nothing waits."""
        pool = self._first()
        stages = self._pools[pool]
        stage, waiting = next(iter(stages.values()))
        task = waiting.pop()
        self._count -= 1
        if not waiting:
            del stages[stage.id]
        if not stages:
            del self._pools[pool], self._keys[pool]
        return stage, task

    def _first(self) -> Hashable:
        """Return the pool whose turn it is: entries that are out of date are dropped, keys that rose are put right."""
        heap, keys = self._heap, self._keys
        while True:
            key, _, pool = heap[0]
            if keys.get(pool) != key:
                heapq.heappop(heap)
                continue
            risen = self.turns.key(pool)
            if risen == key:
                return pool
            keys[pool] = risen
            heapq.heapreplace(heap, (risen, self._pushed, pool))
            self._pushed += 1
