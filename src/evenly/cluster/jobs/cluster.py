"""A cluster of executors: how many, what each has, what a task costs besides its work, and which are lost when."""

import heapq
import math
from dataclasses import dataclass, field
from itertools import pairwise

MOST = 100_000  # slots


@dataclass(frozen=True, slots=True)
class Loss:
    """An executor that is lost for a while; what it ran has to run anew."""

    executor: int
    "Its number, from 0."
    at: float
    "Seconds from the start."
    back: float = math.inf
    "Seconds from the start when it is there again; by default never."

    def __post_init__(self) -> None:
        if self.executor < 0 or not 0 <= self.at < self.back:
            raise ValueError(f"executor {self.executor} is lost at {self.at} and back at {self.back}; it returns later")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Executors that are all alike."""

    executors: int = 8
    cores: int = 4
    "Cores of an executor."
    resources: tuple[float, ...] = ()
    "What an executor has of other resources, in the units of the jobs' demands."
    overhead: float = 0.0
    "Seconds that a task takes besides its work."
    skew: float = 0.0
    "Standard deviation of the logarithm of the work in equal parts of a stage's data."
    lost: tuple[Loss, ...] = ()

    def check(self) -> "Cluster":
        """Raise `ValueError` for a cluster that cannot be; return self."""
        if self.executors < 1 or self.cores < 1 or self.slots > MOST:
            raise ValueError(
                f"executors and cores are at least 1 and {MOST:,} slots, not {self.executors}, {self.cores}"
            )
        if any(not 0 < amount < math.inf for amount in self.resources):
            raise ValueError(f"resources of an executor are positive, not {list(self.resources)}")
        if not (0 <= self.overhead < math.inf and 0 <= self.skew < 10):
            raise ValueError(f"overhead is at least 0 seconds and skew 0 to 10, not {self.overhead} and {self.skew}")
        beyond = [loss.executor for loss in self.lost if loss.executor >= self.executors]
        if beyond:
            raise ValueError(f"lost names executor {beyond[0]}; they are 0 to {self.executors - 1}")
        for one, other in pairwise(sorted(self.lost, key=lambda loss: (loss.executor, loss.at))):
            if one.executor == other.executor and other.at < one.back:
                raise ValueError(f"lost takes executor {one.executor} at {other.at} while it is away until {one.back}")
        if len({loss.executor for loss in self.lost if loss.back == math.inf}) == self.executors:
            raise ValueError("lost takes every executor for ever; leave one, or say when it is back")
        return self

    @property
    def slots(self) -> int:
        """Cores of all executors."""
        return self.executors * self.cores

    @property
    def capacity(self) -> tuple[float, ...]:
        """All that the cluster has, cores first."""
        return (float(self.slots), *(amount * self.executors for amount in self.resources))

    def room(self) -> "Slots | Room":
        """Return the cluster with nothing on it."""
        if self.resources:
            return Room([[float(self.cores), *self.resources] for _ in range(self.executors)])
        return Slots(self.executors, self.cores)


@dataclass(slots=True)
class Slots:
    """Cores that are free, where a task takes one and nothing else; the first of every executor before the second."""

    executors: int
    cores: int
    free: list[int] = field(init=False)
    away: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.free = list(range(self.executors * self.cores))

    @property
    def full(self) -> bool:
        """Tell whether no task can start now."""
        return not self.free

    def fits(self, demand: tuple[float, ...]) -> bool:
        """Tell whether a task can start now."""
        return bool(self.free)

    def take(self, demand: tuple[float, ...]) -> int:
        """Return a slot that is now taken."""
        return heapq.heappop(self.free)

    def give(self, slot: int, demand: tuple[float, ...]) -> None:
        """Free a slot."""
        if slot % self.executors not in self.away:
            heapq.heappush(self.free, slot)

    def executor(self, slot: int) -> int:
        """Return the executor of a slot."""
        return slot % self.executors

    def lose(self, executor: int) -> None:
        """Take an executor away; what runs on it was given before."""
        self.away.add(executor)
        self.free = [slot for slot in self.free if slot % self.executors != executor]
        heapq.heapify(self.free)

    def regain(self, executor: int) -> None:
        """Have an executor again, empty."""
        self.away.discard(executor)
        for slot in range(executor, self.executors * self.cores, self.executors):
            heapq.heappush(self.free, slot)


@dataclass(slots=True)
class Room:
    """What each executor has left of several resources; a task goes where most cores are free among where it fits."""

    free: list[list[float]]
    whole: list[float] = field(init=False)
    away: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.whole = list(self.free[0])

    @property
    def full(self) -> bool:
        """Tell whether no task can start now, for none holds no cores."""
        return all(free[0] <= 0.0 for free in self.free)

    def fits(self, demand: tuple[float, ...]) -> bool:
        """Tell whether a task can start now."""
        return self._place(demand) >= 0

    def take(self, demand: tuple[float, ...]) -> int:
        """Return the executor that now runs the task."""
        place = self._place(demand)
        for k, amount in enumerate(demand):
            self.free[place][k] -= amount
        return place

    def give(self, slot: int, demand: tuple[float, ...]) -> None:
        """Free what a task held."""
        if slot not in self.away:
            for k, amount in enumerate(demand):
                self.free[slot][k] += amount

    def executor(self, slot: int) -> int:
        """Return the executor, which is what tasks were told."""
        return slot

    def lose(self, executor: int) -> None:
        """Take an executor away; what runs on it was given before."""
        self.away.add(executor)
        self.free[executor] = [0.0] * len(self.whole)

    def regain(self, executor: int) -> None:
        """Have an executor again, empty."""
        self.away.discard(executor)
        self.free[executor] = list(self.whole)

    def _place(self, demand: tuple[float, ...]) -> int:
        fit = [
            place
            for place, free in enumerate(self.free)
            if place not in self.away and all(free[k] >= amount - 1e-9 for k, amount in enumerate(demand))
        ]
        return max(fit, key=lambda place: (self.free[place][0], -place), default=-1)
