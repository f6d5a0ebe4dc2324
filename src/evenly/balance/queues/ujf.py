"""The fair scheduler of Spark, by user."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenly.balance.queues._running import Running, check_shares


@dataclass(frozen=True, slots=True)
class Ujf:
    """Serve the user who runs the fewest tasks, their jobs by their submission.

    Fair between users at each moment and needs no estimates, but all users progress at once, so that all end late.

    Reference: Apache Spark in mode FAIR with a pool for each user; the reference of fairness in arXiv 2510.15485.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."
    min_shares: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Tasks that a user runs before others go by their shares; 0 for those who are not named."

    def __post_init__(self) -> None:
        check_shares(self.weights, self.min_shares)

    def open(self, capacity: tuple[float, ...]) -> Running:
        """Return the counts of running tasks, by user."""
        return Running(lambda stage: stage.user, self.weights, self.min_shares)
