"""Quantile."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.balancers import Seen
from evenly.train.experts.balancers._gaps import gaps


@dataclass(frozen=True, slots=True)
class Quantile:
    """Set every price so that the last step's margins would have given the mean load, the other prices unchanged.

    It needs the scores, not only the loads, and knows no rate: it is near balance after a few steps.

    Reference: Moonshot AI, "Kimi K3" report; read in summaries of it alone.

    >>> scores = np.array([[0.9, 0.5], [0.8, 0.7], [0.9, 0.2], [0.6, 0.1]])
    >>> prices = Quantile().update(np.zeros(2), Seen(np.array([4, 0]), step=1, active=1, scores=scores))
    >>> ((scores + prices).argmax(axis=1) == 1).sum()
    np.int64(2)
    """

    share: float = 0.5
    "Of the way to that price that a step goes: all prices move at once, so the whole way swings."

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"share is above 0 and at most 1, not {self.share}")

    def update(self, prices: Floats, seen: Seen) -> Floats:
        """Return prices between the old ones and those at the quantile; raise `ValueError` without scores."""
        found = -np.sort(-gaps(prices, seen, "quantile"), axis=0)
        last = min(max(round(seen.active * len(found) / len(prices)), 1), len(found) - 1)
        wanted = -0.5 * (found[last - 1] + found[last])
        return np.asarray(prices + self.share * (wanted - wanted.mean() - prices + prices.mean()))
