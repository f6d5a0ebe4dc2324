"""Next fit."""

from dataclasses import dataclass

import numpy as np

from evenly.balance.packers import check
from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class NextFit:
    """Fill one pack with items as they come, and begin the next where one does not fit.

    What a stream of documents gets that is packed without looking ahead; at most twice as many packs as needed.

    >>> NextFit().pack(np.array([6, 5, 4, 3]), 10)
    array([0, 1, 1, 2])
    """

    def pack(self, sizes: Ints, capacity: int) -> Ints:
        """Return the pack of each item."""
        check(sizes, capacity)
        home = np.empty(len(sizes), np.int64)
        pack, room = -1, 0
        for item, size in enumerate(sizes.tolist()):
            if size > room:
                pack, room = pack + 1, capacity
            room -= size
            home[item] = pack
        return home
