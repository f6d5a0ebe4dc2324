"""Weighted fair queuing of users and their jobs."""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from evenly.balance.fair_clock import FairClock
from evenly.balance.queues import Stage

GRACE = 3.0  # seconds for which the published scheduler keeps a place, in its units 3000 ms (arXiv 2510.15485)


@dataclass(frozen=True, slots=True)
class Uwfq:
    """Serve the job that an ideal cluster, shared between users and then between a user's jobs, would end first.

    Short jobs are fast, and nobody waits for what others ask for beyond their share: with tasks that are cut small, a
    job ends at the latest a longest task and the time of a longest job on the whole cluster after the ideal. It needs
    an estimate of each job's work (`Stage.job_work`); all stages of a job have its deadline.

    Users of weight 0 are served when nobody else waits, and then share evenly.

    Reference: "Balancing Fairness and Performance in Multi-User Spark Workloads with Dynamic Scheduling",
    arXiv 2510.15485.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    "Shares of users, at least 0; 1 for those who are not named."
    grace: float = GRACE
    """Seconds of half the cluster for which a job that has ended is remembered: a stage of it that comes until then has
    the job's place, later it is a new job."""

    def __post_init__(self) -> None:
        if not 0 <= self.grace < math.inf:
            raise ValueError(f"grace is in seconds, at least 0, not {self.grace}")
        for user, weight in self.weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"a weight is at least 0, not {weight} of '{user}'")

    def open(self, capacity: tuple[float, ...]) -> "Deadlines":
        """Return the deadlines of a cluster of so many cores."""
        grace = self.grace * capacity[0] / 2
        return Deadlines(self.weights, FairClock(capacity[0], grace), FairClock(capacity[0], grace))


@dataclass(slots=True)
class Deadlines:
    """Jobs wait as pools; those of users without weight have a clock of their own, behind all others."""

    weights: Mapping[str, float]
    clock: FairClock
    leftover: FairClock
    _stages: dict[Hashable, tuple[FairClock, set[Hashable]]] = field(default_factory=dict)

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Count the job's work."""
        weight = self.weights.get(stage.user, 1.0)
        clock = self.clock if weight > 0 else self.leftover
        nearer = clock.submit(stage.user, stage.job, max(stage.work, stage.job_work), now, weight or 1.0)
        self._stages.setdefault(stage.job, (clock, set()))[1].add(stage.id)
        return nearer

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Change nothing: what counts is what was estimated."""
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Change nothing."""
        return ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Let a job without stages be forgotten in time."""
        clock, stages = self._stages[stage.job]
        stages.discard(stage.id)
        if not stages:
            del self._stages[stage.job]
            clock.leave(stage.job, now)
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, and the job's deadline."""
        clock = self._stages[pool][0]
        return (float(clock is self.leftover), *clock.key(pool))
