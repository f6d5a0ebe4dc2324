"""Turns by the deadlines of a virtual clock."""

from collections.abc import Callable, Hashable, Iterable, Mapping

from evenly.balance.fair_clock import FairClock
from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._weights import tier

Clocked = Callable[[Stage], tuple[Hashable, Hashable, float]]


class Deadlines(Turns):
    """Pools go by their deadlines; those of users of weight 0 have a clock of their own, behind all others.

    `clocked` tells for whom a stage counts on the clock, as what (its pool), and with how much work.
    """

    def __init__(self, clocked: Clocked, weights: Mapping[str, float], cores: float, grace: float = 0.0) -> None:
        self.clocked = clocked
        self.weights = weights
        self.clocks = (FairClock(cores, grace), FairClock(cores, grace))
        self._tiers: dict[Hashable, float] = {}
        self._stages: dict[Hashable, set[Hashable]] = {}

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Count the work of the stage's pool."""
        owner, pool, work = self.clocked(stage)
        behind, weight = tier(self.weights, stage.user)
        nearer = self.clocks[int(behind)].submit(owner, pool, work, now, weight)
        self._tiers[pool] = behind
        self._stages.setdefault(pool, set()).add(stage.id)
        return nearer

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Let a pool without stages be forgotten in time."""
        pool = self.pool(stage)
        self._stages[pool].discard(stage.id)
        if not self._stages[pool]:
            del self._stages[pool]
            self.clocks[int(self._tiers.pop(pool))].leave(pool, now)
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return as what a stage counts on the clock."""
        return self.clocked(stage)[1]

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, the deadline, and the place by submission."""
        behind = self._tiers[pool]
        return (behind, *self.clocks[int(behind)].key(pool))
