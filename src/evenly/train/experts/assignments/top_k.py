"""Top k."""

from dataclasses import dataclass

from evenly.core import Bools, Floats
from evenly.train.experts.routing import chosen


@dataclass(frozen=True, slots=True)
class TopK:
    """Send every token to the experts with the highest score plus price, however many come.

    Prices that balance the loads make it the best balanced assignment, but for at most one token less than there are
    experts.

    >>> import numpy as np
    >>> TopK().assign(np.array([[0.9, 0.5], [0.8, 0.7]]), np.array([0.0, 0.2]), active=1).tolist()
    [[True, False], [False, True]]
    """

    def assign(self, scores: Floats, prices: Floats, active: int) -> Bools:
        """Return the choice of each token."""
        return chosen(scores, prices, active)
