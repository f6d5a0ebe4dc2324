"""Annealed."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.balancers import Seen


@dataclass(frozen=True, slots=True)
class Annealed:
    """As proportional, with a rate that falls as a power of the step.

    With power 1 the regret grows with the logarithm of the steps, with 0.5 with their root; a constant rate never
    stops paying. What it does not do is follow: after a change of the data it is slow, the slower the later.

    Reference: arXiv:2512.03915, 2025.

    >>> Annealed(0.5).update(np.zeros(3), Seen(np.array([9, 2, 1]), step=5)).round(3).tolist()
    [-0.125, 0.05, 0.075]
    """

    rate: float = 1.0
    "Change of the price of an expert without any load at the first step, in units of the score."
    power: float = 1.0
    "Of the steps that the rate is divided by."
    offset: float = 0.0
    "Steps that are counted as gone before the first one."

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate < 1e6:
            raise ValueError(f"rate is at least 0 and below 1e6, not {self.rate}")
        if not 0.0 <= self.power <= 2.0:
            raise ValueError(f"power is 0 to 2, not {self.power}")
        if not 0.0 <= self.offset < 1e12:
            raise ValueError(f"offset is a number of steps, not {self.offset}")

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return prices moved against the violation, less and less."""
        rate = self.rate / (seen.step + self.offset) ** self.power
        return np.asarray(prices + rate * (1.0 - seen.counts / max(seen.target, 1e-300)))
