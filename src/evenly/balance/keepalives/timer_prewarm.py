"""Pods that are started ahead of the tick of a clock."""

import math
from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class TimerPrewarm:
    """Start a pod of a timer's function just before its tick and release it after the call; keep others for a while.

    A tick is expected where a clock calls the function and its last three gaps agree. The pod is started by the p99 of
    the function's cold-start time ahead, and given up once the tick is late by more than the gaps may differ. Wins
    where many functions are called by clocks less often than once a keep-alive.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    seconds: float = 60.0
    "Seconds that free pods of all other functions are kept."
    agree: float = 2.0
    "Seconds by which the last three gaps may differ."

    def __post_init__(self) -> None:
        for name in ("seconds", "agree"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds and finite, not {getattr(self, name)}")

    @staticmethod
    def keep(now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return 0 after a tick, the rest of the time for one that is expected, or the time of all other functions."""
        one = functions[function]
        calls, ring = one.calls, gaps.shape[1]
        if one.timer == 0 or calls < 4:
            return float(memory[0])
        a = gaps[function, (calls - 2) % ring]
        b = gaps[function, (calls - 3) % ring]
        c = gaps[function, (calls - 4) % ring]
        if max(a, b, c) - min(a, b, c) > memory[1]:
            return float(memory[0])
        if served > 0:
            return 0.0
        return float(max(one.last + (a + b + c) / 3.0 + memory[1] - now, 0.0))

    @staticmethod
    def warm(now: float, function: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return when a pod must be started to be there at the next tick."""
        one = functions[function]
        calls, ring = one.calls, gaps.shape[1]
        if one.timer == 0 or calls < 4:
            return math.inf
        a = gaps[function, (calls - 2) % ring]
        b = gaps[function, (calls - 3) % ring]
        c = gaps[function, (calls - 4) % ring]
        if max(a, b, c) - min(a, b, c) > memory[1]:
            return math.inf
        return float(max(now + (a + b + c) / 3.0 - one.lead, now))
