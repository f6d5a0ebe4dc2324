"""Stride."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Stride:
    """Deal items to the parts in turn as they come, whatever their sizes.

    The baseline: parts get equal numbers of items, give or take one, and no promise about their weights.

    >>> Stride().split(np.array([9.0, 1, 9, 1]), parts=2)
    array([0, 1, 0, 1])
    """

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        return np.arange(len(sizes)) % parts
