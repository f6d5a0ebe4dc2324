"""A warm pod in another region."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class NearestWarm:
    """Send a call that would start cold to the nearest region with a warm pod, if that is nearer than a cold start.

    No pod is started away from home, so a function runs elsewhere only while it has pods there that other calls left.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    @staticmethod
    def choose(now: float, function: int, functions: Array, latency: Floats, memory: Floats) -> int:
        """Return the row of that region, or of the home region."""
        if functions[function].warm == 1:
            return function
        home = function % latency.shape[0]
        best, least = function, functions[function].usual
        for region in range(latency.shape[0]):
            row = function - home + region
            if functions[row].warm == 1 and latency[home, region] < least:
                best, least = row, latency[home, region]
        return best
