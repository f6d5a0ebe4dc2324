"""The block pool of the twin: one ordered list of free blocks, as vLLM keeps it."""

from collections import Counter
from collections.abc import Hashable, Sequence


class Pool:
    """Blocks of KV memory; a free block keeps its content until somebody takes it.

    `free` is ordered: blocks are taken from the head and given back at the tail, those without content at the head if
    the pool is `blank`.
    """

    def __init__(self, blocks: int, blank: bool = False) -> None:
        self.blocks = blocks
        self.blank = blank
        self.free = list(range(blocks))
        self.owners = [0] * blocks
        self.content: list[Hashable] = [None] * blocks
        self.known: dict[Hashable, list[int]] = {}
        self.least_free = blocks

    def take(self, count: int) -> list[int]:
        """Take blocks from the head of the free list; what they held is forgotten."""
        assert 0 <= count <= len(self.free)
        taken, self.free = self.free[:count], self.free[count:]
        for block in taken:
            self.owners[block] = 1
            self._forget(block)
        self.least_free = min(self.least_free, len(self.free))
        return taken

    def give_back(self, table: Sequence[int]) -> None:
        """Give a request's blocks back, last first, so that the tail of a sequence is forgotten first."""
        for block in reversed(table):
            self.owners[block] -= 1
            assert self.owners[block] >= 0
            if self.owners[block] == 0 and self.blank and self.content[block] is None:
                self.free.insert(0, block)
            elif self.owners[block] == 0:
                self.free.append(block)

    def share(self, table: Sequence[int]) -> None:
        """Become one more owner of blocks that were found by their content."""
        for block in table:
            if self.owners[block] == 0:
                self.free.remove(block)
            self.owners[block] += 1
        self.least_free = min(self.least_free, len(self.free))

    def find(self, content: Hashable) -> int | None:
        """Return the block that has held this content for longest, if any does."""
        blocks = self.known.get(content)
        return blocks[0] if blocks else None

    def label(self, block: int, content: Hashable) -> None:
        """Make a full block known by its content."""
        if self.content[block] is None:
            self.content[block] = content
            self.known.setdefault(content, []).append(block)

    def check(self, tables: Sequence[Sequence[int]]) -> None:
        """Assert that every block is free or owned by those that list it; blocks of several owners are full ones."""
        held = Counter(block for table in tables for block in table)
        free = Counter(self.free)
        for block, owners in enumerate(self.owners):
            assert held[block] == owners
            assert free[block] == int(owners == 0)
            assert owners < 2 or self.content[block] is not None

    def _forget(self, block: int) -> None:
        content, self.content[block] = self.content[block], None
        if content is not None:
            self.known[content].remove(block)
