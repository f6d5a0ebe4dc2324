"""Least attained service, inside users."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._counters import Account, Counters
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


class _Attained(Turns):
    """Core-seconds that each user and each of their jobs have had."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.users = Counters(weights, charge=self._mean)
        self.jobs = Counters({}, charge=self._mean, pool_of=lambda stage: stage.job, lift=False)
        self._jobs_of: dict[str, dict[Hashable, set[Hashable]]] = {}
        self._accounts: dict[Hashable, tuple[Account, Account]] = {}  # of a job: its user's and its own
        self._seconds = 0.0
        self._finished = 0

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Meet a user and a job."""
        self.users.submit(stage, now)
        self.jobs.submit(stage, now)
        self._accounts[stage.job] = (self.users.accounts[stage.user], self.jobs.accounts[stage.job])
        self._jobs_of.setdefault(stage.user, {}).setdefault(stage.job, set()).add(stage.id)
        return ()

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Charge a task to both."""
        self.users.start(stage, now)
        self.jobs.start(stage, now)
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Put right what was charged; if it was too much, all jobs of the user come nearer."""
        lowered = self.users.finish(stage, seconds, now)
        self.jobs.finish(stage, seconds, now)
        if seconds > 0:
            self._seconds += seconds * stage.demand[0]
            self._finished += 1
        return tuple(self._jobs_of[stage.user]) if lowered else ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Put aside what a user and a job without stages have had."""
        self.users.leave(stage, now)
        self.jobs.leave(stage, now)
        jobs = self._jobs_of[stage.user]
        jobs[stage.job].discard(stage.id)
        if not jobs[stage.job]:
            del jobs[stage.job], self._accounts[stage.job]
        if not jobs:
            del self._jobs_of[stage.user]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, their service, that of the job, and its place."""
        user, job = self._accounts[pool]
        return (user.behind, user.had, job.had, job.place)

    def _mean(self, _: Stage) -> float:
        """Return what a task is expected to take."""
        return self._seconds / self._finished if self._finished else 0.0
