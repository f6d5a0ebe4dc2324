"""Which expert has which slot of the device's memory."""

import time

import numpy as np

from evenly.core import Bools, Floats, Ints
from evenly.hosts.experts.link import Link


class Places:
    """Slots of all layers: experts with a place for good, and those that stand beside them until their layer is over.

    `slot[layer, expert]` is -1 for who is not there, `job` the transfer that brings it, 0 if it was there before.
    """

    def __init__(self, value: Floats, resident: Bools, slots: int, link: Link, moves: bool) -> None:
        self.value, self.link, self.moves = value.copy(), link, moves
        self.slot = np.full(resident.shape, -1, np.int64)
        self.job = np.zeros(resident.shape, np.int64)
        self.staged = np.zeros(resident.shape, np.bool_)
        self.places = resident.sum(axis=1)
        self.free = list(range(slots))
        for layer, expert in np.argwhere(resident):
            slot = self.free.pop()
            self.slot[layer, expert] = slot
            link.pool[slot] = link.store[layer * resident.shape[1] + expert]
            link.arrived[slot] = 0

    def ready(self, layer: int) -> Floats:
        """Return the seconds until each expert is on the device, infinite for those that are not on their way."""
        slot, job = self.slot[layer], self.job[layer]
        coming = (slot >= 0) & (job > 0) & (self.link.arrived[slot] != job)
        left = max(0.0, self.link.busy_until - time.monotonic())
        return np.where(slot < 0, np.inf, np.where(coming, left, 0.0))

    def enter(self, layer: int, expert: int, asked: Ints, ahead: bool = False) -> None:
        """Send an expert over the link, in the place of the lowest that nobody asks for, or beside all others."""
        slot, job = self.slot[layer], self.job[layer]
        there = (slot >= 0) & ((job == 0) | (self.link.arrived[slot] == job))
        leaving = np.flatnonzero(there & ~self.staged[layer] & (asked == 0)) if self.moves else np.zeros(0, np.int64)
        taken = int(((slot >= 0) & ~self.staged[layer]).sum())
        if self.moves and taken < self.places[layer]:  # a prefetch was taken back
            slot[expert] = self.free.pop()
        elif len(leaving):
            victim = leaving[np.argmin(self.value[layer, leaving])]
            slot[expert], slot[victim], job[victim] = slot[victim], -1, 0
        else:
            self.staged[layer, expert] = True
            slot[expert] = self.free.pop()
        job[expert] = self.link.send(layer * len(slot) + expert, int(slot[expert]), ahead)

    def recall(self) -> None:
        """Take back prefetches that have not begun; a place that one of them took stays empty until the next comes."""
        for job in self.link.recall():
            layer, expert = np.argwhere(self.job == job)[0]
            self._drop(int(layer), int(expert))

    def leave(self, layer: int) -> None:
        """Let go of those that stood beside the others."""
        for expert in np.flatnonzero(self.staged[layer]):
            slot, job = self.slot[layer, expert], self.job[layer, expert]
            if self.link.arrived[slot] == job:  # else the link still writes there: it goes when its layer comes again
                self._drop(layer, int(expert))

    def _drop(self, layer: int, expert: int) -> None:
        self.free.append(int(self.slot[layer, expert]))
        self.slot[layer, expert], self.job[layer, expert] = -1, 0
        self.staged[layer, expert] = False
