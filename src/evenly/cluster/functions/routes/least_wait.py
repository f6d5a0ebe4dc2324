"""The region where a call waits least."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class LeastWait:
    """Serve a call where it comes if a pod is warm there, else where latency and cold start together are least.

    A warm pod elsewhere has no cold start. Wins where cold starts differ between regions by more than the latency;
    moves work to the region that starts fastest, which then needs the pods.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    @staticmethod
    def choose(now: float, function: int, functions: Array, latency: Floats, memory: Floats) -> int:
        """Return the row with the least sum; the home region where sums are equal."""
        if functions[function].warm == 1:
            return function
        home = function % latency.shape[0]
        best, least = function, functions[function].usual
        for region in range(latency.shape[0]):
            row = function - home + region
            wait = latency[home, region] + (0.0 if functions[row].warm == 1 else functions[row].usual)
            if wait < least:
                best, least = row, wait
        return best
