"""Contexts in a device arena that can leave for a host arena and come back, by block groups on both sides."""

from types import TracebackType

import numpy as np

from evenly.core import Ints
from evenly.hosts.arenas.arena import Halves, arena, paired
from evenly.hosts.arenas.copier import DEVICE, IN, OUT, Copier, Task
from evenly.hosts.arenas.shadow import Shadow
from evenly.kernel.serving.group_pool import GroupPool


class Memory:
    """Pages for owners 0 to `owners` - 1 on a device and on a host, and the copies between them.

    Pages that are left can be given away at once: whoever gets them waits for the copy that still needs them. An
    owner's pages may be used once `arrived` says so.
    """

    def __init__(self, arrays: int, page: int, device: int, host: int, owners: int) -> None:
        self.pools = (GroupPool(device, owners), GroupPool(host, owners))
        self.arenas = (arena(arrays, device, page), arena(arrays, host, page))
        self.shadow = Shadow()
        self.waits = 0
        "Copies that a computation waited for, as it got their pages."
        self._copier = Copier(*self.arenas, self.shadow)
        self._coming: dict[int, Task] = {}

    def __enter__(self) -> "Memory":
        self._copier.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copier.__exit__(kind, error, trace)

    def grow(self, owner: int, count: int, active: int) -> bool:
        """Give an owner device pages that can be written to; tell whether there were so many."""
        pool = self.pools[DEVICE]
        before = pool.held(owner)
        if not pool.grow(owner, count, pool.want(active)):
            return False
        pages = pool.pages(owner)[before:]
        self.waits += self._copier.settle(DEVICE, np.column_stack([pages, np.ones_like(pages)]))
        return True

    def leave(self, owner: int) -> bool:
        """Begin to copy an owner to the host and give up its device pages; do nothing if the host is full."""
        left = self._move(OUT, owner, 1)
        if left:
            self._coming.pop(owner, None)
        return left

    def come(self, owner: int, active: int) -> bool:
        """Begin to copy an owner back and give up its host pages; do nothing if the device is full."""
        return self._move(IN, owner, self.pools[DEVICE].want(active))

    def arrived(self, owner: int) -> bool:
        """Tell whether an owner's last page has come back."""
        if owner in self._coming and self._coming[owner].done.is_set():
            self._coming.pop(owner).wait()
        return owner not in self._coming

    def wait(self, owner: int) -> None:
        """Return when an owner's last page has come back."""
        if owner in self._coming:
            self._coming.pop(owner).wait()

    def forget(self, owner: int) -> None:
        """Free an owner's pages on both sides."""
        self.wait(owner)
        for pool in self.pools:
            pool.trim(owner)

    def read(self, owner: int) -> Halves:
        """Return a copy of an owner's device pages, shape [array, page, half word]."""
        pages = self._touched(owner)
        return self.arenas[DEVICE][:, pages]

    def write(self, owner: int, values: Halves, since: int = 0) -> None:
        """Write an owner's device pages from its page `since` on."""
        self.arenas[DEVICE][:, self._touched(owner, since)] = values

    def _touched(self, owner: int, since: int = 0) -> Ints:
        pages = self.pools[DEVICE].pages(owner)[since:]
        self.shadow.computed(pages)
        return pages

    def _move(self, direction: int, owner: int, wanted: int) -> bool:
        source, target = self.pools[direction], self.pools[1 - direction]
        if not target.grow(owner, source.held(owner), wanted):
            return False
        task = self._copier.submit(direction, paired(source.runs(owner), target.runs(owner)))
        if direction == IN:
            self._coming[owner] = task
        source.trim(owner)
        return True
