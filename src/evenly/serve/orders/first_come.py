"""First come, first served."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class FirstCome:
    """Serve requests in the order in which they joined the queue; the engine puts preempted ones in front."""

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return the place in order of joining."""
        return float(sequence)
