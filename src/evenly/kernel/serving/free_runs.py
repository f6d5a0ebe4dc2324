"""The free pages of a pool as runs: two free runs never touch, and the smallest that is large enough is found at once.

A pool is a stretch of one int64 array, `cells`; `pool` is where it begins, so that any number of pools lie in one
array. It holds totals, then an index of free runs by length, then `PAGE` cells for each page, then `OWNER` cells for
each owner (`groups`). All pages belong to runs, free ones or groups of an owner. The first and the last page of a run
tell its length, so that neighbours are found without a search (boundary tags).

The index is a binary tree in an array: its leaves hold the newest free run of each length, its inner nodes tell
whether there is any below. Runs of one length form a list.

Reference: D. E. Knuth, "The Art of Computer Programming", volume 1, section 2.5, boundary tags.
"""

from typing import Any

import numpy as np

from evenly.core import Ints
from evenly.kernel.compiling import helper
from evenly.kernel.serving.records import NONE, ONE

# Totals of a pool.
PAGES = 0  # its pages
LEAVES = 1  # leaves of the index: a power of two above the longest run
FREE = 2  # pages in free runs
RESERVED = 3  # pages in reserved tails
TAILED = 4  # the first owner with a reserved tail
TOTALS = 5

# Of a page; all but the first only at the beginning of a run.
SPAN = 0  # length of the run that begins or ends here, negative if it is a group
USED = 1  # of a group: pages in use; the rest is its reserved tail
NEXT = 2  # the owner's next group; of a free run: the next one of its length
PREVIOUS = 3  # of a free run: the one before
PAGE = 4

# Of an owner.
FIRST = 0  # its first group
LAST = 1  # its last one
HELD = 2  # pages that it uses
RANK = 3  # owners of a higher rank lose their reserved tail first
LATER = 4  # the next owner with a reserved tail
EARLIER = 5  # the one before
OWNER = 6


def size(pages: int, owners: int) -> int:
    """Return the cells that a pool takes."""
    return TOTALS + 2 * _leaves(pages) + PAGE * pages + OWNER * owners


def laid(pages: int, owners: int) -> Ints:
    """Return the cells of a pool whose pages are all free; pools are joined by concatenation.

    Raises `ValueError` unless there is a page and an owner.

    >>> len(laid(pages=100, owners=4)) == size(pages=100, owners=4)
    True
    """
    if pages < 1 or owners < 1:
        raise ValueError(f"a pool has at least 1 page and 1 owner, not {pages} and {owners}")
    leaves = _leaves(pages)
    cells = np.zeros(size(pages, owners), np.int64)
    cells[[PAGES, LEAVES, FREE, TAILED]] = pages, leaves, pages, NONE
    node = leaves + pages
    while node >= 1:
        cells[TOTALS + node] = 1
        node //= 2
    first, last = TOTALS + 2 * leaves, TOTALS + 2 * leaves + PAGE * (pages - 1)
    cells[[first + SPAN, last + SPAN]] = pages
    cells[[first + NEXT, first + PREVIOUS]] = NONE
    cells[first + PAGE * pages :].reshape(owners, OWNER)[:, [FIRST, LAST, LATER, EARLIER]] = NONE
    return cells


def _leaves(pages: int) -> int:
    return 1 << pages.bit_length()


@helper
def page_cell(cells: Any, pool: int, page: int) -> int:
    """Return where the cells of a page begin."""
    return pool + TOTALS + 2 * cells[pool + LEAVES] + PAGE * page


@helper
def owner_cell(cells: Any, pool: int, owner: int) -> int:
    """Return where the cells of an owner begin."""
    return page_cell(cells, pool, cells[pool + PAGES]) + OWNER * owner


@helper
def mark(cells: Any, pool: int, page: int, span: int) -> None:
    """Write the length of a run at both of its ends, negative for a group."""
    cells[page_cell(cells, pool, page) + SPAN] = span
    cells[page_cell(cells, pool, page + abs(span) - 1) + SPAN] = span


@helper
def insert(cells: Any, pool: int, page: int, length: int) -> None:
    """Add a free run, none of whose neighbours is free."""
    mark(cells, pool, page, length)
    node = cells[pool + LEAVES] + length
    tree = pool + TOTALS
    other = cells[tree + node] - 1
    at = page_cell(cells, pool, page)
    cells[at + NEXT] = other
    cells[at + PREVIOUS] = NONE
    if other != NONE:
        cells[page_cell(cells, pool, other) + PREVIOUS] = page
    cells[tree + node] = page + 1
    node //= 2
    while node >= 1 and cells[tree + node] == 0:
        cells[tree + node] = 1
        node //= 2
    cells[pool + FREE] += length


@helper
def remove(cells: Any, pool: int, page: int) -> None:
    """Take a whole free run out of the index."""
    at = page_cell(cells, pool, page)
    length = cells[at + SPAN]
    before = cells[at + PREVIOUS]
    after = cells[at + NEXT]
    tree = pool + TOTALS
    node = cells[pool + LEAVES] + length
    if after != NONE:
        cells[page_cell(cells, pool, after) + PREVIOUS] = before
    if before != NONE:
        cells[page_cell(cells, pool, before) + NEXT] = after
    else:
        cells[tree + node] = after + 1
    while node > 1 and cells[tree + node] == 0:
        node //= 2
        cells[tree + node] = cells[tree + 2 * node] != 0 or cells[tree + 2 * node + 1] != 0
    cells[pool + FREE] -= length


@helper
def release(cells: Any, pool: int, page: int, length: int) -> None:
    """Free pages that were a run or the end of one; they merge with both neighbours at once."""
    if page > 0:
        span = cells[page_cell(cells, pool, page - 1) + SPAN]
        if span > 0:
            remove(cells, pool, page - span)
            page -= span
            length += span
    if page + length < cells[pool + PAGES]:
        span = cells[page_cell(cells, pool, page + length) + SPAN]
        if span > 0:
            remove(cells, pool, page + length)
            length += span
    insert(cells, pool, page, length)


@helper
def cut(cells: Any, pool: int, page: int, count: int) -> None:
    """Take the first `count` pages of the free run that begins at `page`; the caller marks what they are now."""
    length = cells[page_cell(cells, pool, page) + SPAN]
    remove(cells, pool, page)
    if count < length:
        insert(cells, pool, page + count, length - count)


@helper
def smallest(cells: Any, pool: int, length: int) -> int:
    """Return the smallest free run of at least `length` pages, the newest of its kind, or `NONE`."""
    if length > cells[pool + PAGES]:
        return NONE
    tree = pool + TOTALS
    leaves = cells[pool + LEAVES]
    node = leaves + length
    while cells[tree + node] == 0:  # the next subtree to the right with a run
        while node % 2 == 1:
            node //= 2
        if node == 0:
            return NONE
        node += 1
    while node < leaves:
        node = 2 * node if cells[tree + 2 * node] != 0 else 2 * node + 1
    return cells[tree + node] - 1


@helper
def largest(cells: Any, pool: int) -> int:
    """Return the largest free run, the newest of its kind, or `NONE`."""
    tree = pool + TOTALS
    leaves = cells[pool + LEAVES]
    if cells[pool + FREE] == 0:
        return NONE
    node = ONE
    while node < leaves:
        node = 2 * node + 1 if cells[tree + 2 * node + 1] != 0 else 2 * node
    return cells[tree + node] - 1
