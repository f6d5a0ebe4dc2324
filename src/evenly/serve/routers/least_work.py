"""Least work."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastWork:
    """Send each request where the backlog in tokens is smallest.

    The backlog of a replica is its prompt tokens not admitted yet plus the context its decodes hold: what it must
    still compute and what every pass must read. The lowest index wins a tie.
    """

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the replica with the smallest backlog."""
        best = 0
        for replica in range(1, len(fleet)):
            mine = fleet[replica].queued_tokens + fleet[replica].resident
            if mine < fleet[best].queued_tokens + fleet[best].resident:
                best = replica
        return best
