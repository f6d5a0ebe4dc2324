"""A keep-alive that trusts a prediction, within a bound."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Predicted:
    """Keep a pod longer than a cold start is worth if the next call is expected within that time, else shorter.

    The next call is expected after the median of the function's last 60 gaps. Waits and cold starts together cost at
    most 1 + `trust` times the least possible where that is right, and at most 1 + 1 / `trust` times where it is wrong;
    until two gaps are known, and with a trust of 1, it is a fixed keep-alive, which costs at most twice the least.

    Reference: M. Purohit, Z. Svitkina and R. Kumar, "Improving online algorithms via ML predictions", NeurIPS 2018:
    renting skis, where a wait is the rent.
    """

    seconds: float = 60.0
    "Seconds of an idle pod that a cold start is worth."
    trust: float = 0.5
    "Above 0 and at most 1; the lower, the more the prediction counts."

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds is at least 0 and finite, not {self.seconds}")
        if not 0 < self.trust <= 1:
            raise ValueError(f"trust is above 0 and at most 1, not {self.trust}")

    @staticmethod
    def keep(now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return the worth of a cold start, divided by the trust if a call is expected within it, else times it."""
        count = min(functions[function].calls - 1, gaps.shape[1])
        if count < 2:
            return float(memory[0])
        wait = functions[function].last + np.median(gaps[function, :count]) - now
        return float(memory[0] / memory[1] if wait < memory[0] else memory[0] * memory[1])
