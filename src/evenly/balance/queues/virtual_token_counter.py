"""The virtual token counter, in core-seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenly.balance.queues._counters import Counters
from evenly.balance.queues._weights import check_weights


@dataclass(frozen=True, slots=True)
class VirtualTokenCounter:
    """Serve the user who has had the least service for their weight, their jobs by their submission.

    The one-level relative of `uwfq`: it remembers service instead of looking ahead, so that two users who both always
    ask never differ by more than what runs at once. Estimates only say what a running task counts until it ends.

    Reference: Sheng et al., "Fairness in serving large language models", OSDI 2024, where service is tokens.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."

    def __post_init__(self) -> None:
        check_weights(self.weights)

    def open(self, capacity: tuple[float, ...]) -> Counters:
        """Return the counters of users."""
        return Counters(self.weights)
