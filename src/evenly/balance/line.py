"""Who waits for a slot, in the order that a queue gives."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evenly.balance.queues import Stage, Turns, standing
from evenly.balance.recent import Recent

T = TypeVar("T", bound=Hashable)
Place = tuple[int, int]


def _by_arrival(task: object) -> Any:
    """Rank all tasks alike."""
    return 0


@dataclass(slots=True, eq=False)
class _Stage(Generic[T]):
    """The tasks of a stage that wait: entries of tasks that were taken out remain until they come first."""

    stage: Stage
    place: Place
    pool: Hashable
    heap: list[tuple[Any, int, T]] = field(default_factory=list)
    count: int = 0
    listed: bool = False


@dataclass(slots=True, eq=False)
class _Pool(Generic[T]):
    """The stages of a pool; those of which nothing waits are among them until they come first."""

    outer: Hashable
    "The pool that it is in, if there is one."
    order: "_Order"
    "The pools among which it stands."
    heap: list[tuple[Place, _Stage[T]]] = field(default_factory=list)
    count: int = 0


class _Order:
    """Pools by their keys; entries whose pool left, or was entered anew, remain until they come first."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.heap: list[tuple[tuple[float, ...], int, Hashable]] = []
        self.entries: dict[Hashable, int] = {}  # which of a pool's entries is valid
        self.serial = 0

    def push(self, name: Hashable) -> None:
        """Enter a pool by its key as of now, in place of its entry so far."""
        self.serial += 1
        self.entries[name] = self.serial
        heapq.heappush(self.heap, (self.turns.key(name), self.serial, name))
        if len(self.heap) > 2 * len(self.entries) + 64:
            self.heap = [entry for entry in self.heap if self.entries.get(entry[2]) == entry[1]]
            heapq.heapify(self.heap)

    def drop(self, name: Hashable) -> None:
        """Take a pool out."""
        del self.entries[name]

    def first(self) -> Hashable:
        """Return the pool whose turn it is, having dropped old entries and put right the keys that rose."""
        heap, entries, key_of = self.heap, self.entries, self.turns.key
        while True:
            key, serial, name = heap[0]
            if entries.get(name) != serial:
                heapq.heappop(heap)
                continue
            risen = key_of(name)
            if risen == key:
                return name
            heapq.heapreplace(heap, (risen, serial, name))


class Line(Generic[T]):
    """Tasks of many stages that wait, each of them once.

    The caller tells `turns` what happens and hands what they return to `moved`. The next task is found in logarithmic
    time of the pools, the stages of its pool and the tasks of its stage. Tasks of a stage go by `rank`, those of one
    rank as they came; a stage keeps its place until it leaves, so that tasks that are given back do not lose it.

    >>> from evenly.balance.queues.first_come import FirstCome
    >>> line = Line[str](FirstCome().open((2.0,)))
    >>> for stage, tasks in ((Stage("a", "a", "ann", 2), ["a0", "a1"]), (Stage("b", "b", "bob"), ["b0"])):
    ...     line.moved(line.turns.submit(stage, 0.0))
    ...     line.add(stage, tasks)
    >>> line.discard("a0")
    True
    >>> list(line), line.pop()[1], len(line), "a1" in line
    (['a1', 'b0'], 'a1', 1, False)
    """

    def __init__(self, turns: Turns, rank: Callable[[T], Any] = _by_arrival) -> None:
        self.turns = turns
        self.rank = rank
        self._tasks: dict[T, tuple[_Stage[T], int]] = {}
        self._stages: dict[Hashable, _Stage[T]] = {}
        self._pools: dict[Hashable, _Pool[T]] = {}
        self._order = _Order(turns)  # of the pools that are in no other
        self._inside: dict[Hashable, _Order] = {}  # of the pools in each pool that holds some
        self._head: _Pool[T] | None = None  # the first pool, until something may have changed that
        self._serial = 0
        self._jobs: dict[Hashable, tuple[int, int]] = {}  # place, and how many stages are known
        self._left = Recent[int]()  # places of jobs without stages, for one that comes late

    def __len__(self) -> int:
        """Return how many tasks wait."""
        return len(self._tasks)

    def __contains__(self, task: object) -> bool:
        """Tell whether a task waits."""
        return task in self._tasks

    def __iter__(self) -> Iterator[T]:
        """Return the tasks in the order in which they would be taken if no key changed meanwhile."""
        for _, pool in sorted((standing(self.turns, name), name) for name in self._pools):
            for _, known in sorted(self._pools[pool].heap):
                for _, serial, task in sorted(known.heap):
                    if self._tasks.get(task) == (known, serial):
                        yield task

    def add(self, stage: Stage, tasks: Iterable[T]) -> None:
        """Let tasks of a stage wait; those that already do stay where they are."""
        known = self._stages.get(stage.id) or self._meet(stage)
        known.stage = stage
        fresh = [task for task in dict.fromkeys(tasks) if task not in self._tasks]
        if not fresh:
            return
        for task in fresh:
            self._serial += 1
            self._tasks[task] = (known, self._serial)
            heapq.heappush(known.heap, (self.rank(task), self._serial, task))
        pool = self._pools.get(known.pool)
        if pool is None:
            pool = self._pools[known.pool] = self._open(known.pool)
        known.count += len(fresh)
        pool.count += len(fresh)
        if not known.listed:
            known.listed = True
            heapq.heappush(pool.heap, (known.place, known))

    def discard(self, task: T) -> bool:
        """Take a task out; tell whether it waited."""
        found = self._tasks.pop(task, None)
        if found is None:
            return False
        known = found[0]
        known.count -= 1
        pool = self._pools[known.pool]
        pool.count -= 1
        if not pool.count:
            for _, other in pool.heap:
                other.listed = False
                other.heap.clear()
            self._close(known.pool)
        return True

    def moved(self, pools: Iterable[Hashable]) -> None:
        """Ask for the keys of pools anew; call it after each verb, for the keys that rose are not told."""
        self._head = None
        for name in pools:
            pool = self._pools.get(name)
            if pool is not None:
                pool.order.push(name)
            elif name in self._inside:
                self._order.push(name)

    def peek(self) -> tuple[Stage, T]:
        """Return the next task and its stage; raise `IndexError` where nothing waits."""
        pool = self._head
        if pool is None:
            pool = self._head = self._pools[self._first()]
        while not pool.heap[0][1].count:
            known = heapq.heappop(pool.heap)[1]
            known.listed = False
            known.heap.clear()
        known = pool.heap[0][1]
        while True:
            _, serial, task = known.heap[0]
            found = self._tasks.get(task)
            if found is not None and found[1] == serial:
                return known.stage, task
            heapq.heappop(known.heap)

    def pop(self) -> tuple[Stage, T]:
        """Take the next task out; raise `IndexError` where nothing waits."""
        stage, task = self.peek()
        self.discard(task)
        return stage, task

    def leave(self, stage: Stage) -> list[T]:
        """Forget a stage; return the tasks of it that waited."""
        known = self._stages.pop(stage.id, None)
        if known is None:
            return []
        place, stages = self._jobs.pop(stage.job)
        if stages > 1:
            self._jobs[stage.job] = (place, stages - 1)
        else:
            self._left.keep(stage.job, place)
        left = [task for _, serial, task in sorted(known.heap) if self._tasks.get(task) == (known, serial)]
        for task in left:
            self.discard(task)
        return left

    def _meet(self, stage: Stage) -> _Stage[T]:
        """Give a new stage its place, that of its job first."""
        self._serial += 1
        place, stages = self._jobs.get(stage.job) or (self._left.take(stage.job, self._serial), 0)
        self._jobs[stage.job] = (place, stages + 1)
        known = self._stages[stage.id] = _Stage[T](stage, (place, self._serial), self.turns.pool(stage))
        return known

    def _open(self, name: Hashable) -> _Pool[T]:
        """Enter a pool of which something waits, and the one that it is in."""
        self._head = None
        outer, order = self.turns.outer(name), self._order
        if outer is not None:
            if outer not in self._inside:
                self._inside[outer] = _Order(self.turns)
                order.push(outer)
            order = self._inside[outer]
        order.push(name)
        return _Pool(outer, order)

    def _close(self, name: Hashable) -> None:
        """Take a pool out of which nothing waits, and the one that it is in if it was the last there."""
        self._head = None
        pool = self._pools.pop(name)
        pool.order.drop(name)
        if pool.outer is not None and not pool.order.entries:
            del self._inside[pool.outer]
            self._order.drop(pool.outer)

    def _first(self) -> Hashable:
        """Return the pool whose turn it is, that of the pool whose turn it is where pools hold pools."""
        name = self._order.first()
        inside = self._inside.get(name)
        return name if inside is None else inside.first()
