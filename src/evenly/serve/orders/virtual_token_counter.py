"""Virtual token counter."""

import math
from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class VirtualTokenCounter:
    """Serve the user whose counter of weighted tokens is smallest; requests of one user by arrival.

    A user who comes back is lifted to the smallest counter among those who wait, so that idling saves no credit; where
    nobody waits, to the counter of the user who started last. Two users who both have requests waiting differ in
    service, over any interval, by at most 2 max(input weight x longest prompt, output weight x tokens of a full
    batch), while first come, first served lets one who sends more take all.

    Reference: Sheng et al., "Fairness in serving large language models", OSDI 2024.
    """

    counts: ClassVar[str] = "user"

    input_weight: float = 1.0
    "What a prompt token counts for; it counts when the request starts."
    output_weight: float = 2.0
    "What an output token counts for."

    def __post_init__(self) -> None:
        for name in ("input_weight", "output_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a positive number, not {getattr(self, name)}")

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the user's counter, lifted if the user comes back."""
        own = requests[request].flow
        counter = flows[own].credit + memory[0] * flows[own].prompt + memory[1] * flows[own].output
        if sequence == 0 or flows[own].waiting > 0:
            return float(counter)
        least = math.inf  # among those who wait
        latest = -math.inf
        last = 0.0  # of the one who started last
        for other in range(len(flows)):
            flow = flows[other]
            theirs = flow.credit + memory[0] * flow.prompt + memory[1] * flow.output
            if flow.waiting > 0:
                least = min(least, theirs)
            if flow.started > latest or (flow.started == latest and theirs > last):
                latest = flow.started
                last = theirs
        lift = (last if least == math.inf else least) - counter
        if lift > 0.0:
            flows[own].credit += lift
            counter += lift
        return float(counter)
