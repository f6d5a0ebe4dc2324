"""First fit."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class FirstFit:
    """Send each request to the first replica with room for it, so that the last ones fall idle and can stop.

    Where none has room, to the one with the fewest requests. Without replicas that come and go, an uneven fleet for
    nothing.

    Reference: D. Johnson et al., "Worst-case performance bounds for simple one-dimensional packing algorithms", 1974.
    """

    requests: int = 32
    "Requests that a replica has room for, waiting ones included."

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the first replica with room, else the one with the fewest requests."""
        best = 0
        for replica in range(len(fleet)):
            busy = fleet[replica].waiting + fleet[replica].running
            if busy < memory[0]:
                return replica
            if busy < fleet[best].waiting + fleet[best].running:
                best = replica
        return best
