"""Tokens to the experts with the highest score plus price, and what follows from it.

Scores have shape [token, expert], prices [expert].
"""

import numpy as np

from evenly.core import Bools, Floats, Ints


def routed(scores: Floats, prices: Floats, active: int) -> tuple[Ints, float]:
    """Return the tokens of each expert, and the sum of the scores of those chosen; of equal sums the earlier wins.

    >>> routed(np.array([[0.9, 0.5], [0.8, 0.7]]), np.array([0.0, 0.2]), active=1)
    (array([1, 1]), 1.6)
    """
    from evenly.kernel.experts.choose import tally

    counts = np.zeros(scores.shape[1], np.int64)
    total = tally(scores, prices, counts, np.empty(active, np.int64), np.empty(active))
    return counts, float(total)


class Still:
    """Tokens that stay while prices move; only those are looked at again whose choice may have changed.

    >>> still = Still(np.array([[0.9, 0.5], [0.8, 0.7]]), active=1)
    >>> [still.routed(np.array([0.0, price]))[0].tolist() for price in (0.05, 0.2)]
    [[2, 0], [1, 1]]
    """

    def __init__(self, scores: Floats, active: int) -> None:
        self.scores, self.active = scores, active
        self._prices = np.zeros(scores.shape[1])
        self._moved = 0.0
        self._due = np.zeros(len(scores))
        self._picks = np.full((len(scores), active), -1, np.int64)
        self._counts = np.zeros(scores.shape[1], np.int64)

    def routed(self, prices: Floats) -> tuple[Ints, float]:
        """Return what `routed` returns for these tokens, at the cost of the choices that may have changed."""
        from evenly.kernel.experts.choose import retally

        self._moved += float(np.ptp(prices - self._prices)) * (1.0 + 1e-9)
        self._prices = prices.copy()
        room = np.empty(self.active + 1, np.int64), np.empty(self.active + 1)
        total = retally(self.scores, prices, self._moved, self._due, self._picks, self._counts, *room)
        return self._counts.copy(), float(total)


def chosen(scores: Floats, prices: Floats, active: int) -> Bools:
    """Return which experts each token chooses, shape [token, expert]."""
    from evenly.kernel.experts.choose import mark

    taken = np.zeros(scores.shape, np.bool_)
    mark(scores, prices, taken, np.empty(active, np.int64), np.empty(active))
    return taken


def margins(scores: Floats, prices: Floats, active: int) -> Floats:
    """Return by how much each score exceeds what it must reach, without a price of its own, to be chosen.

    A token chooses an expert where margin plus price is positive. Shape [token, expert]; needs `active` below the
    number of experts.

    >>> margins(np.array([[0.9, 0.5, 0.4]]), np.zeros(3), active=1).round(3).tolist()
    [[0.4, -0.4, -0.5]]
    """
    from evenly.kernel.experts.choose import margin

    found = np.empty(scores.shape)
    margin(scores, prices, found, np.empty(active + 1, np.int64), np.empty(active + 1))
    return found


def violation(counts: Floats | Ints) -> float:
    """Return MaxVio of one layer: by how much the largest load exceeds the mean, over the mean; NaN without load.

    >>> violation(np.array([3, 1]))
    0.5
    """
    mean = float(counts.mean())
    return float(counts.max()) / mean - 1.0 if mean > 0 else float("nan")


def floor(experts: int, active: int, target: float) -> float:
    """Return the MaxVio of one batch that chance leaves even to a router that is perfectly even in the mean.

    The largest of `experts` binomial loads with mean `target` tokens, as the largest of that many normal ones.

    >>> round(floor(64, 6, 384.0), 2)
    0.14
    """
    return float(np.sqrt(2.0 * np.log(experts) * (1.0 - active / experts) / target))


def by_device(counts: Ints, devices: int) -> Ints:
    """Return for each expert the tokens of its device, so that rules even out devices and not experts.

    >>> by_device(np.array([1, 3, 5, 5]), devices=2).tolist()
    [4, 4, 10, 10]
    """
    groups = counts.reshape(devices, -1)
    return np.repeat(groups.sum(axis=1), groups.shape[1])
