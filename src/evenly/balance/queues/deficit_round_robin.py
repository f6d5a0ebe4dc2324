"""Deficit round robin."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from evenly.balance.queues._counters import Counters
from evenly.balance.queues._weights import check_weights


@dataclass(frozen=True, slots=True)
class DeficitRoundRobin:
    """Serve users in turn, each up to a quantum of core-seconds a round for their weight.

    Users go by whole rounds instead of by service: fewer changes between them than with `virtual-token-counter`, and
    unfairness of up to a quantum more. What a user had beyond their quantum counts in their next round.

    Reference: Shreedhar and Varghese, "Efficient fair queueing using deficit round robin", SIGCOMM 1995.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."
    quantum: float = 10.0
    "Core-seconds that a user of weight 1 is given a round."

    def __post_init__(self) -> None:
        check_weights(self.weights)
        if not 0 < self.quantum < math.inf:
            raise ValueError(f"a quantum is above 0 core-seconds, not {self.quantum}")

    def open(self, capacity: tuple[float, ...]) -> Counters:
        """Return the counters of users, in rounds."""
        return Counters(self.weights, self.quantum)
