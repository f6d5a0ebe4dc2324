"""The dual of the balanced assignment: what prices promise, and what a change of them brings.

The assignment maximises the sum of chosen scores with `active` experts a token and equal loads L. Prices p relax the
loads: D(p) = sum over tokens of the best `active` of score plus price, less L times the sum of p. D is convex, its
sub-gradient is the loads less L, and its least value is that of the best balanced assignment.
"""

import numpy as np

from evenly.core import Floats
from evenly.train.experts.routing import chosen, routed


def dual(scores: Floats, prices: Floats, active: int) -> float:
    """Return D(p), which no balanced assignment of these tokens exceeds.

    >>> dual(np.array([[0.9, 0.5], [0.8, 0.7]]), np.array([-0.1, 0.1]), active=1)
    1.6
    """
    counts, total = routed(scores, prices, active)
    return total + float((counts - active * len(scores) / scores.shape[1]) @ prices)


def switching(scores: Floats, before: Floats, after: Floats, active: int) -> float:
    """Return what choosing anew gains under new prices over the old choice: the S of the identity of an update.

    With steps e: D(after) - D(before) = S - sum of e * (load - L)^2.
    """
    old = np.where(chosen(scores, before, active), scores + after, 0.0).sum()
    new = np.where(chosen(scores, after, active), scores + after, 0.0).sum()
    return float(new - old)
