"""Priority classes."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Priority:
    """Serve urgent requests first: by the trace's `priority`, lower is more urgent, then by arrival."""

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the request's priority."""
        return float(requests[request].priority)
