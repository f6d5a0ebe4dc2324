"""Users in rounds, and within a round programs in the order in which they began."""

import math
from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class FairPrograms:
    """Serve preempted requests, then turns whose blocks are kept for them, then users in rounds of a quantum.

    Who is fair to users alone puts a preempted request back behind others of its user's round, so contexts change
    places and are brought back again and again; who serves programs alone lets one user with many of them take all.
    Here what has begun is brought to its end, and users take turns in what begins: within each of the three kinds by
    round, within a round the program whose first request came first. A user who comes back joins the round of those
    who wait, or of the user who started last.

    Pays where many programs of several users share a cache that is too small for them, and most with a host cache,
    from which contexts come back cheaply. The rounds are those of `deficit-round-robin`, the kinds those of
    `kept-first`.
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
        """Return round and beginning, below all others if the request is preempted or its blocks are kept."""
        own = requests[request].flow
        spent = flows[own].credit + memory[1] * flows[own].prompt + memory[2] * flows[own].output
        if sequence > 0 and flows[own].waiting == 0:
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
        began = requests[request].began
        place = 1.0 + math.floor(spent / memory[0]) + began / (1.0 + began)
        if requests[request].preemptions > 0:
            return float(-1.0 - 1.0 / place)
        if requests[request].parent >= 0 and requests[requests[request].parent].kept == 2:
            return float(-1.0 / place)
        return float(place)
