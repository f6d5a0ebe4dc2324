"""Weighted fair queuing of users and their jobs."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from evenly.balance.queues import Stage
from evenly.balance.queues._deadlines import Deadlines
from evenly.balance.queues._weights import check_weights

GRACE = 3.0  # seconds for which the published scheduler keeps a place: 3000 ms (arXiv 2510.15485)


@dataclass(frozen=True, slots=True)
class Uwfq:
    """Serve the job that an ideal cluster, shared between users and then between a user's jobs, would end first.

    Short jobs are fast, and nobody waits for what others ask for beyond their share: a job ends at the latest two
    longest tasks after the ideal, and the time that the cluster spent on jobs that shorter ones of the same user, come
    later, then overtook. That is seldom more than the time of a longest job, so tasks should be cut small. It needs an
    estimate of each job's work (`Stage.job_work`, or `Stage.work` if that is more); all stages of a job have its
    deadline.

    Users of weight 0 are served when nobody else waits, and then share evenly.

    Reference: "Balancing Fairness and Performance in Multi-User Spark Workloads with Dynamic Scheduling",
    arXiv 2510.15485.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."
    grace: float = GRACE
    "Seconds of half the cluster for which a job is remembered that has ended; a stage that comes later is a new job."

    def __post_init__(self) -> None:
        check_weights(self.weights)
        if not 0 <= self.grace < math.inf:
            raise ValueError(f"grace is in seconds, at least 0, not {self.grace}")

    def open(self, capacity: tuple[float, ...]) -> Deadlines:
        """Return the deadlines of jobs on a cluster of so many cores."""
        return Deadlines(_of_jobs, self.weights, capacity[0], self.grace * capacity[0] / 2)


def _of_jobs(stage: Stage) -> tuple[Hashable, Hashable, float]:
    return stage.user, stage.job, max(stage.work, stage.job_work)
