"""Longest processing time first."""

import heapq
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class LongestFirst:
    """Give the longest unplaced item to the lightest part.

    The heaviest part weighs at most 4/3 - 1/(3 parts) of the optimum.

    Reference: R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969.

    >>> LongestFirst().split(np.array([5.0, 4, 3, 3, 3]), parts=2)
    array([0, 1, 1, 0, 1])
    """

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        home = np.empty(len(sizes), np.int64)
        heap = [(0.0, part) for part in range(parts)]
        for item in np.argsort(-sizes, kind="stable"):
            weight, part = heap[0]
            home[item] = part
            heapq.heapreplace(heap, (weight + float(sizes[item]), part))
        return home
