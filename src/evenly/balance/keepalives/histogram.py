"""A keep-alive learned from the gaps between calls."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Histogram:
    """Keep a pod about as long as the longest of the function's last 60 gaps between calls.

    Until two gaps are known it keeps for `unknown` seconds. With `early`, a function whose 5% of shortest gaps are
    longer than its cold start is released at once, and a pod is started ahead for when they are over.

    Reference: M. Shahrad et al., "Serverless in the wild", USENIX ATC 2020; the plain one here has no bins.
    """

    most: float = 600.0
    "Seconds that a pod is kept at most."
    margin: float = 1.1
    "Factor on the 99% quantile of the gaps."
    unknown: float = 60.0
    "Seconds while there are fewer than two gaps."
    early: bool = False
    "Whether pods are released and started ahead."

    def __post_init__(self) -> None:
        for name in ("most", "unknown"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds and finite, not {getattr(self, name)}")
        if not 1 <= self.margin < float("inf"):
            raise ValueError(f"margin is a factor of at least 1, not {self.margin}")

    @staticmethod
    def keep(now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return the seconds until the next call is most probably there."""
        count = min(functions[function].calls - 1, gaps.shape[1])
        if count < 2:
            return float(memory[2])
        longest, second, short, lead = 0.0, 0.0, 0, functions[function].lead
        for k in range(count):
            gap = gaps[function, k]
            short += gap <= lead
            second = max(second, min(gap, longest))
            longest = max(longest, gap)
        tail = longest - (count - 1 - 0.99 * (count - 1)) * (longest - second)  # the 99% quantile of at most 60
        keep = min(memory[1] * tail, memory[0])
        if memory[3] == 0.0 or short > 0.05 * (count - 1) + 1:
            return float(keep)
        place = 0.05 * (count - 1)
        low = int(place)
        known = np.sort(gaps[function, :count])
        head = known[low] + (place - low) * (known[low + 1] - known[low])
        if head <= lead:
            return float(keep)
        if served > 0:
            return 0.0
        return float(min(max(functions[function].last + memory[1] * tail - now, 0.0), memory[0]))

    @staticmethod
    def warm(now: float, function: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return when a pod must be started to be there after the shortest gaps."""
        count = min(functions[function].calls - 1, gaps.shape[1])
        if memory[3] == 0.0 or count < 2:
            return math.inf
        short, lead = 0, functions[function].lead
        for k in range(count):
            short += gaps[function, k] <= lead
        if short > 0.05 * (count - 1) + 1:  # the 5% quantile is one of them
            return math.inf
        place = 0.05 * (count - 1)
        low = int(place)
        known = np.sort(gaps[function, :count])
        head = known[low] + (place - low) * (known[low + 1] - known[low])
        return float(now + head - lead) if head > lead else math.inf
