"""Pods that are started ahead along a chain."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Expected:
    """Start the pods of the next functions so that they are there when their calls are expected.

    A call is expected where it has followed often enough, after the shorter ones of the last delays; so are those that
    follow it, up to some steps ahead. Its pod is given up if it does not come. Wins where chains run seldom: then only
    their first step starts cold, and the others too as long as the chain is faster than a cold start.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    share: float = 0.5
    "Share of the parent's calls that must have been followed."
    early: float = 0.1
    "Share of the last delays that are shorter than the one which is planned for."
    seen: int = 2
    "Times that the child must have been called."
    ahead: int = 16
    "Steps that are looked ahead; 1 for the next one only."
    patience: float = 10.0
    "Seconds after the expected time until the pod is given up."

    def __post_init__(self) -> None:
        for name in ("share", "early"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        for name in ("seen", "ahead"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not 0 <= self.patience < float("inf"):
            raise ValueError(f"patience is at least 0 seconds and finite, not {self.patience}")

    @staticmethod
    def expect(
        at: float, edge: int, steps: int, edges: Array, delays: Floats, functions: Array, memory: Floats
    ) -> float:
        """Return the time of the parent's call and one of the shorter delays."""
        one = edges[edge]
        count = min(one.followed, delays.shape[1])
        if steps > memory[3] or count < memory[2] or one.followed < memory[0] * one.asked:
            return math.inf
        return float(at + np.sort(delays[edge, :count])[int(memory[1] * (count - 1))])

    @staticmethod
    def wait(now: float, edge: int, edges: Array, delays: Floats, functions: Array, memory: Floats) -> float:
        """Return what is left until the call is overdue."""
        return float(max(edges[edge].expected + memory[4] - now, 0.0))
