"""Weighted fair queuing of stages, whoever they belong to."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from evenly.balance.queues import Stage
from evenly.balance.queues._deadlines import Deadlines
from evenly.balance.queues._weights import check_weights


@dataclass(frozen=True, slots=True)
class Cfq:
    """Serve the stage that an ideal cluster, shared between all stages, would end first.

    Short stages are fast, but a user who submits more gets more. It needs an estimate of each stage's work.

    Reference: Demers, Keshav and Shenker, "Analysis and simulation of a fair queueing algorithm", 1989; as a baseline
    of arXiv 2510.15485.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of each stage of a user, at least 0; 1 for those of users who are not named."

    def __post_init__(self) -> None:
        check_weights(self.weights)

    def open(self, capacity: tuple[float, ...]) -> Deadlines:
        """Return the deadlines of stages on a cluster of so many cores."""
        return Deadlines(_of_stages, self.weights, capacity[0])


def _of_stages(stage: Stage) -> tuple[Hashable, Hashable, float]:
    return stage.id, stage.id, stage.work
