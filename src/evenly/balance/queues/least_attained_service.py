"""Least attained service, inside users."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._counters import Counters
from evenly.balance.queues._weights import check_weights


@dataclass(frozen=True, slots=True)
class LeastAttainedService:
    """Serve the user who has had the least service for their weight, and of their jobs the one that has had the least.

    Short jobs are fast although nobody says which they are: a new job goes first until it has had as much as the
    others. A running task counts as much as the mean of those that have finished until it ends; estimates are not read.

    Reference: Nuyens and Wierman, "The foreground-background queue: a survey", 2008.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."

    def __post_init__(self) -> None:
        check_weights(self.weights)

    def open(self, capacity: tuple[float, ...]) -> "_Attained":
        """Return the service of users and jobs."""
        return _Attained(self.weights)


@dataclass(frozen=True, slots=True)
class _User:
    """The pool of a user's jobs."""

    name: str


class _Attained(Turns):
    """Core-seconds that each user and each of their jobs have had: pools of jobs, in pools of users."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.users = Counters(weights, charge=self._mean)
        self.jobs = Counters({}, charge=self._mean, pool_of=lambda stage: stage.job, lift=False)
        self._owners: dict[Hashable, _User] = {}
        self._seconds = 0.0
        self._finished = 0

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Meet a user and a job."""
        self.users.submit(stage, now)
        self.jobs.submit(stage, now)
        self._owners.setdefault(stage.job, _User(stage.user))
        return ()

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Charge a task to both."""
        self.users.start(stage, now)
        self.jobs.start(stage, now)
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Put right what was charged; if it was too much, the user and the job come nearer."""
        lowered = self.users.finish(stage, seconds, now)
        self.jobs.finish(stage, seconds, now)
        if seconds > 0:
            self._seconds += seconds * stage.demand[0]
            self._finished += 1
        return (self._owners[stage.job], stage.job) if lowered else ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Put aside what a user and a job without stages have had."""
        self.users.leave(stage, now)
        self.jobs.leave(stage, now)
        if stage.job not in self.jobs.accounts:
            del self._owners[stage.job]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def outer(self, pool: Hashable) -> Hashable:
        """Return the user of a job."""
        return self._owners[pool]

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, their service and their place; of a job the same but for weights."""
        return self.users.key(pool.name) if isinstance(pool, _User) else self.jobs.key(pool)

    def _mean(self, _: Stage) -> float:
        """Return what a task is expected to take."""
        return self._seconds / self._finished if self._finished else 0.0
