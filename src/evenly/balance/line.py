"""Who waits for a slot, in the order that a queue gives."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evenly.balance.queues import Stage, Turns
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

    entry: int = -1
    "Which of the line's entries for it is valid."
    heap: list[tuple[Place, _Stage[T]]] = field(default_factory=list)
    count: int = 0


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
        self._heap: list[tuple[tuple[float, ...], int, Hashable]] = []
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
        for _, pool in sorted((self.turns.key(name), name) for name in self._pools):
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
            pool = self._pools[known.pool] = _Pool()
        known.count += len(fresh)
        pool.count += len(fresh)
        if not known.listed:
            known.listed = True
            heapq.heappush(pool.heap, (known.place, known))
        if pool.entry < 0:
            self._push(known.pool, pool)

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
            del self._pools[known.pool]
            self._head = None
        return True

    def moved(self, pools: Iterable[Hashable]) -> None:
        """Ask for the keys of pools anew; call it after each verb, for the keys that rose are not told."""
        self._head = None
        for name in pools:
            pool = self._pools.get(name)
            if pool is not None:
                self._push(name, pool)

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

    def _push(self, name: Hashable, pool: _Pool[T]) -> None:
        """Enter a pool into the line by its key as of now, in place of its entry so far."""
        self._head = None
        self._serial += 1
        pool.entry = self._serial
        heapq.heappush(self._heap, (self.turns.key(name), self._serial, name))
        if len(self._heap) > 2 * len(self._pools) + 64:
            self._heap = [entry for entry in self._heap if self._valid(entry)]
            heapq.heapify(self._heap)

    def _valid(self, entry: tuple[tuple[float, ...], int, Hashable]) -> bool:
        pool = self._pools.get(entry[2])
        return pool is not None and pool.entry == entry[1]

    def _first(self) -> Hashable:
        """Return the pool whose turn it is, having dropped old entries and put right the keys that rose."""
        heap = self._heap
        while True:
            key, serial, name = heap[0]
            pool = self._pools.get(name)
            if pool is None or pool.entry != serial:
                heapq.heappop(heap)
                continue
            risen = self.turns.key(name)
            if risen == key:
                return name
            heapq.heapreplace(heap, (risen, serial, name))
