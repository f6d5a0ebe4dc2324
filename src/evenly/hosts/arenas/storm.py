"""Swaps at random, to see whether every bit comes back."""

import numpy as np

from evenly.hosts.arenas.arena import Halves
from evenly.hosts.arenas.memory import Memory

OWNERS = 12


class Storm:
    """Owners with random bits, who enter, grow, leave, come back and go, without a pause for any copy.

    `bits` holds what each owner's pages must contain; `wrong` counts half words that came back otherwise.
    """

    def __init__(self, memory: Memory, seed: int) -> None:
        self.memory = memory
        self.chance = np.random.default_rng(seed)
        self.bits: dict[int, Halves] = {}
        self.away: set[int] = set()
        self.wrong = 0
        self.full = 0
        "How often the host had no place."

    def rage(self, rounds: int) -> None:
        """Do something at random `rounds` times, then look at everybody."""
        for _ in range(rounds):
            owner = int(self.chance.integers(OWNERS))
            if owner not in self.bits or (owner not in self.away and self.chance.random() < 0.3):
                self._grow(owner)
            elif self.chance.random() < 0.1:
                self._forget(owner)
            elif owner not in self.away:
                self._leave(owner)
            elif self.memory.come(owner, OWNERS):
                self.away.remove(owner)
        for owner in sorted(self.bits.keys() - self.away):
            self._forget(owner)
        for owner in sorted(self.away):
            assert self.memory.come(owner, 1), "the device is empty but for those who came back"
            self.away.remove(owner)
            self._forget(owner)

    def _grow(self, owner: int) -> None:
        self.memory.wait(owner)
        count = int(self.chance.integers(1, 12))
        if self.memory.grow(owner, count, OWNERS):
            shape = self.memory.arenas[0].shape
            new = self.chance.integers(0, 1 << 16, (shape[0], count, shape[2]), np.uint16).view(np.float16)
            before = self.bits.get(owner, new[:, :0])
            self.memory.write(owner, new, before.shape[1])
            self.bits[owner] = np.concatenate([before, new], axis=1)

    def _leave(self, owner: int) -> None:
        if self.memory.leave(owner):
            self.away.add(owner)
        else:
            self.full += 1

    def _forget(self, owner: int) -> None:
        """Compare what is there with what was written, if it is on the device; free it."""
        if owner not in self.away:
            self.memory.wait(owner)
            self.wrong += differing(self.memory.read(owner), self.bits[owner])
        self.memory.forget(owner)
        self.away.discard(owner)
        del self.bits[owner]


def differing(one: Halves, other: Halves) -> int:
    """Return how many half words differ in any bit."""
    return int(np.count_nonzero(one.view(np.uint16) != other.view(np.uint16)))
