"""Blocks."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Blocks:
    """Cut the items, as they come, into runs of equal number, whatever their sizes.

    The baseline of data-parallel training: each rank reads a stretch of the batch. Parts get equal numbers of items,
    give or take one, and no promise about their weights.

    >>> Blocks().split(np.array([9.0, 1, 9, 1]), parts=2)
    array([0, 0, 1, 1])
    """

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        return np.arange(len(sizes)) * parts // max(1, len(sizes))
