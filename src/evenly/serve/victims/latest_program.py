"""Preempt the program that began last."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LatestProgram:
    """Preempt the request whose program began last; one that is at its last turn only if all others are too.

    The counterpart of orders by program: whoever would be served last gives way first, and a program that is about to
    leave is let out.

    Reference: the public code of Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV
    cache time-to-live", 2025.
    """

    @staticmethod
    def score(now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return when the program's first request came, brought below all others at its last turn."""
        own = requests[request]
        if own.last_turn != 0:
            return float(-1.0 / (1.0 + own.began))
        return float(own.began)
