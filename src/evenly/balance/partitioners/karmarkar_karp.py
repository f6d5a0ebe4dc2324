"""Largest differencing."""

import heapq
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class KarmarkarKarp:
    """Join the two partial solutions that differ most, heavy parts with light ones, until one is left.

    On random sizes far more even than longest first: for two parts the difference shrinks as n^(-c log n). The heaviest
    part weighs at most 4/3 - 1/(3 parts) of the optimum.

    Reference: N. Karmarkar and R. Karp, "The differencing method of set partitioning", 1982; bound: W. Michiels et al.,
    "Performance ratios of the Karmarkar-Karp differencing method", 2007.

    >>> KarmarkarKarp().split(np.array([8.0, 7, 6, 5, 4]), parts=2)
    array([1, 0, 1, 0, 0])
    """

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        if len(sizes) == 0:
            return np.empty(0, np.int64)
        # A solution is (less its spread, order of birth, weights rising, trees of items by part).
        heap = []
        for item, size in enumerate(sizes.tolist()):
            trees: list[list[object]] = [[] for _ in range(parts - 1)] + [[item]]
            heap.append((-float(size), item, [0.0] * (parts - 1) + [float(size)], trees))
        heapq.heapify(heap)
        birth = len(heap)
        while len(heap) > 1:
            _, _, one, items = heapq.heappop(heap)
            _, _, other, more = heapq.heappop(heap)
            weights = [a + b for a, b in zip(one, reversed(other), strict=True)]
            joined = [_join(a, b) for a, b in zip(items, reversed(more), strict=True)]
            order = sorted(range(parts), key=weights.__getitem__)
            weights = [weights[k] for k in order]
            heapq.heappush(heap, (weights[0] - weights[-1], birth, weights, [joined[k] for k in order]))
            birth += 1
        home = np.empty(len(sizes), np.int64)
        for part, tree in enumerate(reversed(heap[0][3])):
            home[_leaves(tree)] = part
        return home


def _join(one: list[object], other: list[object]) -> list[object]:
    """Return a tree of both without copying their leaves."""
    return other if not one else one if not other else [one, other]


def _leaves(tree: list[object]) -> list[int]:
    found: list[int] = []
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        else:
            assert isinstance(node, int)
            found.append(node)
    return found
