"""Newton."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.balancers import Seen
from evenly.train.experts.balancers._gaps import gaps


@dataclass(frozen=True, slots=True)
class Newton:
    """Move every price by what its expert lacks, over how many tokens a change of the price would bring.

    A Newton step with the diagonal of the dual's curvature, counted in a window around the threshold of each expert.
    It needs the scores and arrives in tens of steps, where a fixed rate takes hundreds; it is not part of the
    published method.

    >>> scores = np.array([[0.52, 0.5], [0.8, 0.7], [0.9, 0.2], [0.6, 0.1]])
    >>> seen = Seen(np.array([4, 0]), step=1, active=1, scores=scores)
    >>> Newton(window=0.1).update(np.zeros(2), seen).tolist()
    [-0.1, 0.1]
    """

    rate: float = 0.5
    "Share of the Newton step, for experts answer to each other's prices as well."
    window: float = 0.05
    "Greatest change of a price in a step, and how far from the threshold scores are counted."

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0:
            raise ValueError(f"rate is above 0 and at most 1, not {self.rate}")
        if not 0.0 < self.window < 1e3:
            raise ValueError(f"window is a difference of scores above 0, not {self.window}")

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return prices after a step of at most the window; raise `ValueError` without scores."""
        above = gaps(prices, seen, "newton") + prices
        density = (np.abs(above) < self.window).sum(axis=0) / (2.0 * self.window)
        change = self.rate * (seen.target - seen.counts) / np.maximum(density, 0.5 / self.window)
        return np.asarray(prices + np.clip(change, -self.window, self.window))
