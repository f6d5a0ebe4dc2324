"""Optimal."""

from dataclasses import dataclass

from evenly.core import Bools, Floats
from evenly.train.experts.oracle import optimum


@dataclass(frozen=True, slots=True)
class Optimal:
    """Find the balanced assignment with the highest sum of scores, by linear programming.

    What prices converge to. It sees the whole batch at once, and takes a second where top-k takes a millisecond.

    >>> import numpy as np
    >>> Optimal().assign(np.array([[0.9, 0.5], [0.8, 0.7]]), np.zeros(2), active=1).tolist()
    [[True, False], [False, True]]
    """

    def assign(self, scores: Floats, prices: Floats, active: int) -> Bools:
        """Return the optimum; raise `ValueError` where the mean load is no whole number, or the batch is too large."""
        if active * len(scores) % scores.shape[1]:
            raise ValueError(f"{active} x {len(scores)} tokens cannot be dealt evenly to {scores.shape[1]} experts")
        return optimum(scores, active).shares > 0.5
