"""Sign."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.balancers import Seen


@dataclass(frozen=True, slots=True)
class Sign:
    """Raise every expert below the mean load by a fixed step, lower every one above it.

    The published rule. No token goes from an expert below the mean to one above it. The step is also how far prices
    stay off in the end: too small it takes thousands of steps to arrive, too large it swings.

    Reference: Wang et al., "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts", 2024,
    arXiv:2408.15664.

    >>> Sign(0.5).update(np.zeros(3), Seen(np.array([9, 2, 1]), step=1)).tolist()
    [-0.5, 0.5, 0.5]
    """

    rate: float = 1e-3
    "Change of a price in a step, in units of the score."
    until: int = 0
    "Last step that changes prices; 0 for none. DeepSeek-V3 stops for the last 3% of its tokens."

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate < 1e3:
            raise ValueError(f"rate is at least 0 and below 1000, not {self.rate}")
        if self.until < 0:
            raise ValueError(f"until is a step, or 0 for none, not {self.until}")

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return prices one step up or down."""
        if self.until and seen.step > self.until:
            return prices
        return np.asarray(prices + self.rate * np.sign(seen.target - seen.counts))
