"""Snake."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Snake:
    """Deal items, longest first, to the parts in turn: forth, back, forth.

    Parts get equal numbers of items, give or take one, and their weights differ by at most the longest item.

    >>> Snake().split(np.array([6.0, 5, 4, 3, 2, 1]), parts=3)
    array([0, 1, 2, 2, 1, 0])
    """

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        place = np.arange(len(sizes))
        turn, step = np.divmod(place, parts)
        home = np.empty(len(sizes), np.int64)
        home[np.argsort(-sizes, kind="stable")] = np.where(turn % 2 == 0, step, parts - 1 - step)
        return home
