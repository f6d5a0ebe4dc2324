"""Programs whose blocks are kept first, then first come, first served by program."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class KeptFirst:
    """Serve turns that were preempted, then those whose blocks are kept for them, then all by program.

    A turn that finds its cache kept frees memory as soon as it starts and costs next to no computing, so it goes first;
    within each of the three kinds the program whose first request came first. Worth its name only with a retention
    (`retain`); without one it is `program-first-come` with preempted turns in front.

    Reference: Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV cache time-to-live",
    2025. Its public code puts whoever was preempted last first; here, as among the others, the older program is first.
    """

    counts: ClassVar[str] = "program"

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return when the program's first request came, brought below all others if it is preempted or kept."""
        own = requests[request]
        first = float(flows[own.flow].first)
        if own.preemptions > 0:
            return -1.0 - 1.0 / (1.0 + first)
        if own.parent >= 0 and requests[own.parent].kept == 2:
            return -1.0 / (1.0 + first)
        return first
