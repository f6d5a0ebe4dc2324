"""Largest differencing."""

import heapq
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from evenly.core import Floats, Ints

_Solution: TypeAlias = tuple[float, int, list[float], list[list[object]]]


@dataclass(frozen=True, slots=True)
class KarmarkarKarp:
    """Join the two partial solutions that differ most, heavy parts with light ones, until one is left.

    On random sizes far more even than longest first: for two parts the difference shrinks as n^(-c log n). The heaviest
    part weighs at most 4/3 - 1/(3 parts) of the optimum.

    Reference: N. Karmarkar and R. Karp, "The differencing method of set partitioning", 1982; bound: W. Michiels et al.,
    "Performance ratios of the Karmarkar-Karp differencing method", 2007.

    With equal counts the partial solutions begin as one item for each part, items of neighbouring size together. That
    form has n / parts solutions to join instead of n, so it is also the faster one.

    >>> KarmarkarKarp().split(np.array([8.0, 7, 6, 5, 4]), parts=2)
    array([1, 0, 1, 0, 0])
    >>> KarmarkarKarp(equal_counts=True).split(np.array([9.0, 1, 1, 1]), parts=2)
    array([0, 1, 1, 0])
    """

    equal_counts: bool = False
    "Whether parts hold equal numbers of items, give or take one."

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        if len(sizes) == 0:
            return np.empty(0, np.int64)
        # A solution is (less its spread, order of birth, weights rising, trees of items by part).
        heap = self._begin(sizes, parts)
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

    def _begin(self, sizes: Floats, parts: int) -> list[_Solution]:
        """Return a solution for each item, or for each run of as many items as there are parts."""
        if not self.equal_counts:
            alone: list[list[object]] = [[] for _ in range(parts - 1)]
            zeros = [0.0] * (parts - 1)
            return [(-size, item, [*zeros, size], [*alone, [item]]) for item, size in enumerate(sizes.tolist())]
        order = np.argsort(-sizes, kind="stable").tolist()
        begun: list[_Solution] = []
        for first in range(0, len(order), parts):
            run = order[first : first + parts][::-1]
            lacking = parts - len(run)
            weights = [0.0] * lacking + [float(sizes[item]) for item in run]
            trees: list[list[object]] = [[] for _ in range(lacking)] + [[item] for item in run]
            begun.append((weights[0] - weights[-1], len(begun), weights, trees))
        return begun


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
