"""Least work."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class LeastWork:
    """Choose the lengths of this batch that cost least: squares of what is computed, and each call's own cost.

    Optimal among all groupings: groups of sorted lengths that do not interleave suffice, since a sequence that moves
    to a group of shorter ones that still holds it only gets cheaper.

    >>> LeastWork(call=0).up(np.array([5, 2, 3]))
    array([5, 2, 3])
    >>> LeastWork(call=10).up(np.array([5, 2, 3]))
    array([5, 3, 3])
    """

    call: float = 16384.0
    "What one more call costs, in squared tokens: 128 tokens attending to each other."

    def __post_init__(self) -> None:
        if not 0 <= self.call < float("inf"):
            raise ValueError(f"call is a cost of at least 0, not {self.call}")

    def up(self, lengths: Ints) -> Ints:
        """Return for each sequence the longest length of its group."""
        sizes, place, counts = np.unique(lengths, return_inverse=True, return_counts=True)
        before = np.concatenate(([0], np.cumsum(counts)))
        least, first = np.zeros(len(sizes) + 1), np.zeros(len(sizes) + 1, np.int64)
        for end in range(1, len(sizes) + 1):  # least[end]: of the shortest `end` sizes
            cost = least[:end] + (before[end] - before[:end]) * float(sizes[end - 1]) ** 2 + self.call
            first[end] = np.argmin(cost)
            least[end] = cost[first[end]]
        rounded = np.empty(len(sizes), np.int64)
        end = len(sizes)
        while end:
            rounded[first[end] : end] = sizes[end - 1]
            end = int(first[end])
        return rounded[place]
