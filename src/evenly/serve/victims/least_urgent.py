"""Preempt the least urgent request."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastUrgent:
    """Preempt the request of the highest `priority` value, the latest arrival among equals (vLLM's priority policy)."""

    @staticmethod
    def score(now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return the priority value."""
        return float(requests[request].priority)
