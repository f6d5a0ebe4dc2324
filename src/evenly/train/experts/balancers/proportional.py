"""Proportional."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.balancers import Seen


@dataclass(frozen=True, slots=True)
class Proportional:
    """Move every price in proportion to what its expert lacks of the mean load.

    Plain sub-gradient descent on the dual. It settles where the sign swings, as long as the rate is small against how
    fast loads follow prices; at 0.1 and more it never settles.

    Reference: Wang et al., arXiv:2408.15664, 2024; read as a primal-dual method in arXiv:2512.03915, 2025.

    >>> Proportional(0.5).update(np.zeros(3), Seen(np.array([9, 2, 1]), step=1)).tolist()
    [-0.625, 0.25, 0.375]
    """

    rate: float = 1e-2
    "Change of the price of an expert without any load, in units of the score."

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate < 1e3:
            raise ValueError(f"rate is at least 0 and below 1000, not {self.rate}")

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return prices moved against the violation."""
        return np.asarray(prices + self.rate * (1.0 - seen.counts / max(seen.target, 1e-300)))
