"""Memory for keys and values as an engine lays it out: an array for keys and one for values of each layer.

A page is a row in every array, so moving one is as many copies as there are arrays. A run of pages is a slice in every
array, so moving it takes no more copies than a page.
"""

import numpy as np
from numpy.typing import NDArray

from evenly.core import Ints

Halves = NDArray[np.float16]


MAPPED = 4096  # bytes of a page of the operating system


def arena(arrays: int, pages: int, page: int, shift: int = 0) -> Halves:
    """Return memory of shape [array, page, half words of a page], every byte written once.

    It begins `shift` bytes after a page of the operating system, as pinned memory does with 0: what the C library
    takes from its heap begins anywhere, and some distances between two arenas make copies several times slower.
    Memory that nobody has touched is only promised: its first copy would also wait for the operating system.
    """
    size = arrays * pages * page
    made = np.empty(size + (MAPPED + shift) // 2, np.float16)
    made.fill(0)
    start = (-made.ctypes.data % MAPPED + shift) // 2
    return made[start : start + size].reshape(arrays, pages, page)


def copy(source: Halves, target: Halves, moves: Ints) -> None:
    """Copy runs of pages; each row of `moves` is first page in the source, first page in the target, pages."""
    for here, there, pages in moves.tolist():
        for array in range(len(source)):
            target[array, there : there + pages] = source[array, here : here + pages]


def paired(source: Ints, target: Ints) -> Ints:
    """Return the moves from the runs `source` to the runs `target`, one each where both are contiguous.

    Runs have the shape [run, 2]: first page and pages. Both have equally many pages.

    >>> paired(np.array([[0, 5]]), np.array([[7, 2], [3, 3]])).tolist()
    [[0, 7, 2], [2, 3, 3]]
    """
    ends = np.union1d(np.cumsum(source[:, 1]), np.cumsum(target[:, 1]))
    begins = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
    return np.column_stack([_located(source, begins), _located(target, begins), ends - begins])


def _located(runs: Ints, places: Ints) -> Ints:
    """Return the pages that stand at these places of the joined runs."""
    ends = np.cumsum(runs[:, 1])
    run = np.searchsorted(ends, places, side="right")
    return np.asarray(runs[run, 0] + places - (ends - runs[:, 1])[run], np.int64)
