"""Deficit round robin."""

import math
from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class DeficitRoundRobin:
    """Give each user a quantum of weighted tokens a round; within a round, requests go by arrival.

    A user who spent the quantum, or overdrew it by a request that needed more, waits until the others spent theirs.
    A user who comes back joins the round of those who wait, or of the user who started last. Two users who both have
    requests waiting differ by at most a quantum and what their running requests cost. Larger quanta let a user's
    requests run together, which keeps a shared prefix warm; smaller ones are fairer.

    Reference: M. Shreedhar and G. Varghese, "Efficient fair queuing using deficit round-robin", 1995; output tokens
    are charged as they come, hence afterwards, as in deficit longest prefix match: Cao et al., "Locality-aware fair
    scheduling in LLM serving", 2025.
    """

    counts: ClassVar[str] = "user"

    quantum: int = 2048
    "Weighted tokens of a user in a round: what one pass of vLLM computes."
    input_weight: float = 1.0
    "What a prompt token counts for; it counts when the request starts."
    output_weight: float = 2.0
    "What an output token counts for."

    def __post_init__(self) -> None:
        if self.quantum < 1:
            raise ValueError(f"quantum is at least 1 token, not {self.quantum}")
        for name in ("input_weight", "output_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a positive number, not {getattr(self, name)}")

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the whole quanta that the user spent, after joining the round if the user comes back."""
        own = requests[request].flow
        spent = flows[own].credit + memory[1] * flows[own].prompt + memory[2] * flows[own].output
        if sequence == 0 or flows[own].waiting > 0:
            return float(math.floor(spent / memory[0]))
        least = math.inf  # among those who wait
        latest = -math.inf
        last = 0.0  # of the one who started last
        for other in range(len(flows)):
            flow = flows[other]
            theirs = flow.credit + memory[1] * flow.prompt + memory[2] * flow.output
            if flow.waiting > 0:
                least = min(least, theirs)
            if flow.started > latest or (flow.started == latest and theirs > last):
                latest = flow.started
                last = theirs
        begun = memory[0] * math.floor((last if least == math.inf else least) / memory[0])
        if begun > spent:
            flows[own].credit += begun - spent
            spent = begun
        return float(math.floor(spent / memory[0]))
