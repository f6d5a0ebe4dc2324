"""Turns by how many tasks run."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._weights import check_weights, tier


@dataclass(slots=True)
class _Pool:
    behind: float
    weight: float
    least: float
    place: int
    running: int = 0
    stages: set[Hashable] = field(default_factory=set)


class Running(Turns):
    """The rule of Spark's fair scheduler: the pool that runs least for its weight, those below their minimum first.

    Pools of one share go by their first submission; Spark compares their names.

    Reference: `FairSchedulingAlgorithm` of Apache Spark 4.
    """

    def __init__(
        self, pool_of: Callable[[Stage], Hashable], weights: Mapping[str, float], least: Mapping[str, float]
    ) -> None:
        self.pool_of = pool_of
        self.weights = weights
        self.least = least
        self._pools: dict[Hashable, _Pool] = {}
        self._places = count()

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Meet a pool."""
        name = self.pool_of(stage)
        if name not in self._pools:
            least = self.least.get(stage.user, 0.0)
            self._pools[name] = _Pool(*tier(self.weights, stage.user), least, next(self._places))
        self._pools[name].stages.add(stage.id)
        return (name,)

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Count a task that runs."""
        self._pools[self.pool_of(stage)].running += 1
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Count a task less."""
        name = self.pool_of(stage)
        self._pools[name].running -= 1
        return (name,)

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Forget a pool without stages."""
        name = self.pool_of(stage)
        self._pools[name].stages.discard(stage.id)
        if not self._pools[name].stages:
            del self._pools[name]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the pool of a stage."""
        return self.pool_of(stage)

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, whether the minimum is reached, the share, and the place."""
        found = self._pools[pool]
        needy = found.running < found.least
        share = found.running / (max(found.least, 1.0) if needy else found.weight)
        return (found.behind, float(not needy), share, float(found.place))


def check_shares(weights: Mapping[str, float], least: Mapping[str, float]) -> None:
    """Raise `ValueError` for weights or minimum shares that are below 0 or not finite."""
    check_weights(weights)
    for user, share in least.items():
        if not 0 <= share < math.inf:
            raise ValueError(f"a minimum share is a number of tasks, at least 0, not {share} of '{user}'")
