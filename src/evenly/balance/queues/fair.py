"""The fair scheduler of Spark, by job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenly.balance.queues._running import Running, check_shares


@dataclass(frozen=True, slots=True)
class Fair:
    """Serve the job that runs the fewest tasks.

    All jobs progress at once, so all end late, and who submits eighty jobs gets eighty shares. It needs no estimates.

    Reference: `FairSchedulingAlgorithm` of Apache Spark, with a pool for each job.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of each job of a user, at least 0; 1 for those of users who are not named."
    min_shares: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Tasks that each job of a user runs before others go by their shares; 0 for those who are not named."

    def __post_init__(self) -> None:
        check_shares(self.weights, self.min_shares)

    def open(self, capacity: tuple[float, ...]) -> Running:
        """Return the counts of running tasks, by job."""
        return Running(lambda stage: stage.job, self.weights, self.min_shares)
