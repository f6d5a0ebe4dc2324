"""Greedy, with a limit on the number of items."""

import heapq
import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Greedy:
    """Give each item, as it comes or longest first, to the lightest part that still has a place.

    Without a limit the heaviest part weighs at most the mean plus (1 - 1/parts) of the longest item: 2 - 1/parts of the
    optimum. With places for exactly `n / parts` items each, longest first is the balanced assignment that sequence
    packing and expert placement use.

    Reference: R. L. Graham, "Bounds for certain multiprocessing anomalies", 1966.

    >>> Greedy(places=2).split(np.array([9.0, 1, 1, 1]), parts=2)
    array([0, 1, 1, 0])
    """

    places: int = 0
    "Items that a part holds at most; 0 sets no limit."
    longest_first: bool = False
    "Whether items are taken by size instead of as they come."

    def __post_init__(self) -> None:
        if self.places < 0:
            raise ValueError(f"places is at least 0, not {self.places}")

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item; raise `ValueError` if the places do not suffice."""
        places = self.places or max(1, len(sizes))
        if len(sizes) > places * parts:
            need = math.ceil(len(sizes) / parts)
            raise ValueError(f"{parts} parts of {places} places cannot hold {len(sizes)} items; places must be {need}")
        home = np.empty(len(sizes), np.int64)
        heap = [(0.0, part, 0) for part in range(parts)]
        for item in np.argsort(-sizes, kind="stable") if self.longest_first else range(len(sizes)):
            weight, part, held = heapq.heappop(heap)
            home[item] = part
            if held + 1 < places:
                heapq.heappush(heap, (weight + float(sizes[item]), part, held + 1))
        return home
