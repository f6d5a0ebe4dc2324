"""A pool of KV blocks in shared memory, and its account.

To allocate is to look at what is used, to take blocks, and to write down what is used then. Two processes that do so
at once may both see the same count; the three steps are one only under a lock, or if one side alone does them.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Reals, Shape

BLOCK = 16  # tokens of a block


class Account:
    """Who owns which block, in shared memory: a count of used blocks, then an owner for each, 0 for nobody.

    `lock` makes the three steps of an allocation one. Without it they are one only where a single process allocates.
    """

    def __init__(self, cells: Ints, lock: Any = None) -> None:
        self.cells = cells
        self.lock: AbstractContextManager[Any] = nullcontext() if lock is None else lock

    @staticmethod
    def size(blocks: int) -> int:
        """Return the bytes that an account of so many blocks takes."""
        return 8 * (1 + blocks)

    def allocate(self, owner: int, count: int) -> Ints:
        """Return `count` blocks that are now the owner's, or none if there are fewer."""
        with self.lock:
            used = int(self.cells[0])
            free = np.flatnonzero(self.cells[1:] == 0)
            if used + count > len(self.cells) - 1 or count > len(free):
                return np.zeros(0, np.int64)
            time.sleep(0)  # another process may run here
            taken = free[:count]
            self.cells[1 + taken] = owner
            self.cells[0] = used + count
        return taken

    def release(self, owner: int, blocks: Ints) -> bool:
        """Give blocks back; tell whether all of them were still the owner's."""
        with self.lock:
            ours = bool(np.all(self.cells[1 + blocks] == owner))
            used = int(self.cells[0])
            time.sleep(0)
            self.cells[1 + blocks] = 0
            self.cells[0] = used - len(blocks)
        return ours

    def balanced(self) -> bool:
        """Tell whether the count is that of the blocks that somebody owns."""
        return int(self.cells[0]) == int(np.count_nonzero(self.cells[1:]))


@contextmanager
def attached(name: str) -> Iterator[SharedMemory]:
    """Open shared memory that another process made and will remove."""
    memory = SharedMemory(name=name)
    try:
        yield memory
    finally:
        memory.close()


@contextmanager
def made(size: int) -> Iterator[SharedMemory]:
    """Make shared memory of `size` bytes, all zero; it is removed in the end."""
    memory = SharedMemory(create=True, size=size)
    try:
        yield memory
    finally:
        memory.close()
        memory.unlink()


def pages(memory: SharedMemory, shape: Shape, blocks: int) -> Reals:
    """Return the pool as an array, shape [block, layers, 2, BLOCK, heads, head size]."""
    size = (blocks, shape.layers, 2, BLOCK, shape.heads, shape.width // shape.heads)
    return np.ndarray(size, np.float32, memory.buf)


def page_bytes(shape: Shape, blocks: int) -> int:
    """Return the bytes of a pool."""
    return 4 * blocks * shape.layers * 2 * BLOCK * shape.width


def gather(pool: Reals, shape: Shape, table: Ints, length: int) -> Cache:
    """Return the first `length` positions of a request whose blocks are `table`."""
    cache = Cache(shape)
    joined = np.moveaxis(pool[table], 0, 2)  # layers, 2, blocks, BLOCK, heads, head size
    cache.values = joined.reshape(*joined.shape[:2], -1, *joined.shape[4:]).copy()
    cache.length = length
    return cache


def scatter(pool: Reals, cache: Cache, table: Ints, start: int) -> None:
    """Write the positions from `start` on into the blocks of `table`."""
    for at in range(start, cache.length):
        pool[table[at // BLOCK], :, :, at % BLOCK] = cache.values[:, :, at]
