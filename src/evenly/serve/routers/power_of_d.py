"""Power of d choices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class PowerOfD:
    """Look at `d` replicas drawn at random and take the one with the fewest requests.

    Two choices already shrink the longest queue from logarithmic to doubly logarithmic in the number of replicas.

    Reference: M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001.
    """

    d: int = 2
    "Replicas looked at for each request."

    def __post_init__(self) -> None:
        if self.d < 1:
            raise ValueError(f"d is at least 1, not {self.d}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return d and the seed; the draw is a hash of (seed, request, draw)."""
        return np.array([self.d, seed % (1 << 32)], np.float64)

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the least busy of d random replicas."""
        best: Any = np.int64(-1)
        for draw in range(int(memory[0])):
            x = np.uint64(int(memory[1])) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(request * 64 + draw)
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x = x ^ (x >> np.uint64(31))
            replica: Any = np.int64((x >> np.uint64(11)) % np.uint64(len(fleet)))
            busy = fleet[replica].waiting + fleet[replica].running
            if best < 0 or busy < fleet[best].waiting + fleet[best].running:
                best = replica
        return int(best)
