"""Stride."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Stride:
    """Deal items to the parts in turn, as they come or longest first.

    Parts get equal numbers of items, give or take one. As they come there is no promise about their weights; longest
    first, parts of equal numbers differ by at most the longest item less the shortest one.

    Reference: Baidu's submission of BERT to MLPerf Training 2.0, 2022 (arXiv 2208.08124), deals the sequences of all
    ranks longest first.

    >>> Stride().split(np.array([9.0, 1, 9, 1]), parts=2)
    array([0, 1, 0, 1])
    >>> Stride(longest_first=True).split(np.array([9.0, 1, 9, 1]), parts=2)
    array([0, 0, 1, 1])
    """

    longest_first: bool = False
    "Whether items are taken by size instead of as they come."

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        turns = np.arange(len(sizes)) % parts
        if not self.longest_first:
            return turns
        home = np.empty(len(sizes), np.int64)
        home[np.argsort(-sizes, kind="stable")] = turns
        return home
