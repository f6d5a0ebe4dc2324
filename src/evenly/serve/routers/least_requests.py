"""Join the shortest queue."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastRequests:
    """Send each request where the fewest requests wait or run; the lowest index wins a tie.

    Reference: W. Winston, "Optimality of the shortest line discipline", 1977.
    """

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the replica with the fewest requests."""
        best = 0
        for replica in range(1, len(fleet)):
            if fleet[replica].waiting + fleet[replica].running < fleet[best].waiting + fleet[best].running:
                best = replica
        return best
