"""A buffer on the host that is allocated once and used round and round."""

from collections import deque
from dataclasses import dataclass
from threading import Condition

import torch

ALIGN = 64  # bytes; a piece of any dtype may begin there


@dataclass(slots=True, eq=False)
class Region:
    """A part of the ring that somebody uses."""

    offset: int
    size: int
    live: bool = True


class Ring:
    """Bytes in a row of which parts are taken and given back; who finds no room waits.

    A part never goes over the end. Parts may be given back in any order; room comes free in the order in which it was
    taken.
    """

    def __init__(self, size: int, pinned: bool) -> None:
        """Allocate `size` bytes; `pinned` ones can be reached by a device without the CPU."""
        if size < ALIGN:
            raise ValueError(f"a buffer has at least {ALIGN} bytes, not {size}")
        self.size = size // ALIGN * ALIGN
        self.bytes = torch.empty(self.size, dtype=torch.uint8, pin_memory=pinned)
        self.array = self.bytes.numpy()
        self._taken: deque[Region] = deque()
        self._changed = Condition()

    @property
    def used(self) -> int:
        """Return the bytes of all parts that are in use."""
        with self._changed:
            return sum(region.size for region in self._taken if region.live)

    def take(self, size: int) -> Region:
        """Return a part of at least `size` bytes; wait until there is room.

        Raises `ValueError` if there never will be.
        """
        size = -(-size // ALIGN) * ALIGN
        if not 0 < size <= self.size:
            raise ValueError(f"a part has 1 to {self.size} bytes, not {size}")
        with self._changed:
            while (offset := self._room(size)) is None:
                self._changed.wait()
            region = Region(offset, size)
            self._taken.append(region)
            return region

    def free(self, region: Region) -> None:
        """Give a part back; a second time does nothing."""
        with self._changed:
            region.live = False
            while self._taken and not self._taken[0].live:
                self._taken.popleft()
            self._changed.notify_all()

    def _room(self, size: int) -> int | None:
        """Return where a part fits, `None` for nowhere."""
        if not self._taken:
            return 0
        head, tail = self._taken[0].offset, self._taken[-1].offset + self._taken[-1].size
        if self._taken[-1].offset < head:  # what is in use goes over the end
            return tail if size <= head - tail else None
        if size <= self.size - tail:
            return tail
        return 0 if size <= head else None
