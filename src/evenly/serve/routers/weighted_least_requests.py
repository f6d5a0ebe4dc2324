"""Join the shortest queue, by the time that it takes."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class WeightedLeastRequests:
    """Send each request where requests, this one included, times seconds of a prompt token are fewest.

    Among replicas on unlike devices the fast ones get more; among equal ones it is `least-requests`. The lowest index
    wins a tie.

    Reference: the weighted least-connection scheduling of the Linux Virtual Server, with the pace of a replica as the
    weight.
    """

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the replica whose requests weigh least."""
        best = 0
        least = 0.0
        for replica in range(len(fleet)):
            weight = (fleet[replica].waiting + fleet[replica].running + 1) * fleet[replica].pace
            if replica == 0 or weight < least:
                best = replica
                least = weight
        return best
