"""A pool of pages for Python: the block groups of the serving loop, called from outside of it."""

from typing import Any

import numpy as np
from numba import types

from evenly.core import Ints
from evenly.kernel.compiling import loop
from evenly.kernel.serving import groups
from evenly.kernel.serving.free_runs import FREE, OWNER, PAGE, PAGES, RESERVED, SPAN, laid
from evenly.kernel.serving.records import NONE

_INT = types.int64
_CELLS = types.Array(types.int64, 1, "C")


@loop(types.boolean(_CELLS, _INT, _INT, _INT, _INT))
def _grow(cells: Any, pool: int, owner: int, count: int, wanted: int) -> bool:
    return groups.grow(cells, pool, owner, count, wanted)


@loop(types.void(_CELLS, _INT, _INT, _INT))
def _trim(cells: Any, pool: int, owner: int, keep: int) -> None:
    groups.trim(cells, pool, owner, keep)


@loop(types.void(_CELLS, _INT, _INT, _INT))
def _set_rank(cells: Any, pool: int, owner: int, rank: int) -> None:
    groups.set_rank(cells, pool, owner, rank)


@loop(_INT(_CELLS, _INT, _INT))
def _held(cells: Any, pool: int, owner: int) -> int:
    return groups.held(cells, pool, owner)


@loop(_INT(_CELLS, _INT, _INT))
def _want(cells: Any, pool: int, active: int) -> int:
    return groups.want(cells, pool, active)


@loop(_INT(_CELLS, _INT, _INT, _INT, _INT, _INT, _INT))
def _copies(cells: Any, here: int, owner: int, there: int, other: int, since: int, until: int) -> int:
    return groups.copies(cells, here, owner, there, other, since, until)


@loop(_INT(_CELLS, _INT, _INT, _CELLS))
def _runs(cells: Any, pool: int, owner: int, out: Any) -> int:
    count = 0
    group = groups.first(cells, pool, owner)
    while group != NONE:
        if 2 * count < len(out):
            out[2 * count] = group
            out[2 * count + 1] = groups.used(cells, pool, group)
        count += 1
        group = groups.after(cells, pool, group)
    return count


class GroupPool:
    """Pages in runs, for owners 0 to `owners` - 1.

    >>> pool = GroupPool(pages=100, owners=2)
    >>> pool.grow(0, 5, wanted=8), pool.grow(1, 3), pool.grow(0, 4)
    (True, True, True)
    >>> pool.runs(0).tolist(), pool.runs(1).tolist()  # three pages had been reserved, so that one page is elsewhere
    ([[0, 8], [11, 1]], [[8, 3]])
    >>> pool.grow(1, 89), pool.available
    (False, 88)
    """

    def __init__(self, pages: int, owners: int) -> None:
        self.cells = laid(pages, owners)
        self.owners = owners

    @property
    def available(self) -> int:
        """Return how many pages can be given."""
        return int(self.cells[FREE] + self.cells[RESERVED])

    def want(self, active: int) -> int:
        """Return the pages of a new group while `active` owners share the pool."""
        return int(_want(self.cells, 0, active))

    def grow(self, owner: int, count: int, wanted: int = 1) -> bool:
        """Give an owner `count` pages; tell whether there were so many. A new group reserves `wanted` pages in all."""
        return bool(_grow(self.cells, 0, self._known(owner), count, wanted))

    def trim(self, owner: int, keep: int = 0) -> None:
        """Free an owner's pages after the first `keep`."""
        _trim(self.cells, 0, self._known(owner), keep)

    def set_rank(self, owner: int, rank: int) -> None:
        """Say how early an owner loses its reserved tail: the highest rank first."""
        _set_rank(self.cells, 0, self._known(owner), rank)

    def held(self, owner: int) -> int:
        """Return the pages that an owner uses."""
        return int(_held(self.cells, 0, self._known(owner)))

    def runs(self, owner: int) -> Ints:
        """Return first page and length of each run of an owner, in the order of its pages, shape [runs, 2]."""
        out = np.zeros(64, np.int64)
        while (count := int(_runs(self.cells, 0, self._known(owner), out))) > len(out) // 2:
            out = np.zeros(2 * count, np.int64)
        return out[: 2 * count].reshape(count, 2)

    def pages(self, owner: int) -> Ints:
        """Return the pages of an owner in their order."""
        runs = self.runs(owner)
        return (
            np.concatenate([np.arange(page, page + length) for page, length in runs], dtype=np.int64)
            if len(runs)
            else np.zeros(0, np.int64)
        )

    def spans(self) -> Ints:
        """Return first page and length of every run of the pool by address, negative lengths for groups with tails."""
        found, page = [], 0
        start = len(self.cells) - OWNER * self.owners - PAGE * int(self.cells[PAGES])
        while page < self.cells[PAGES]:
            span = int(self.cells[start + PAGE * page + SPAN])
            found.append((page, span))
            page += abs(span)
        return np.array(found, np.int64)

    def _known(self, owner: int) -> int:
        if not 0 <= owner < self.owners:
            raise ValueError(f"owners are 0 to {self.owners - 1}, not {owner}")
        return owner


def copies(here: GroupPool, owner: int, there: GroupPool, other: int, since: int, until: int) -> int:
    """Return the runs, contiguous in both pools, that the pages `since` to `until` of two owners form."""
    both = np.concatenate([here.cells, there.cells])
    return int(_copies(both, 0, owner, len(here.cells), other, since, until))
