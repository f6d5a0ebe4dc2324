"""Pods that are started ahead of the next step of a chain."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Expected:
    """Start the pod of the next function so that it is there when the call is expected.

    The next call is expected where it has come often enough: after the shorter ones of the last delays. The pod is
    started by the p99 of its cold-start time ahead, at once if that is longer. Wins where chains run seldom and their
    steps take as long as cold starts: then only the first step starts cold.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    share: float = 0.5
    "Share of the parent's calls that must have been followed."
    early: float = 0.1
    "Share of the last delays that are shorter than the one which is planned for."
    seen: int = 2
    "Times that the child must have been called."

    def __post_init__(self) -> None:
        for name in ("share", "early"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.seen < 1:
            raise ValueError(f"seen is at least 1, not {self.seen}")

    @staticmethod
    def expect(now: float, edge: int, edges: Array, delays: Floats, functions: Array, memory: Floats) -> float:
        """Return the time of the expected call less that of a cold start."""
        one = edges[edge]
        count = min(one.followed, delays.shape[1])
        if count < memory[2] or one.followed < memory[0] * one.asked:
            return math.inf
        delay = np.sort(delays[edge, :count])[int(memory[1] * (count - 1))]
        return float(max(now + delay - functions[one.child].lead, now))
