"""Pools: how many idle pods of a size stand ready to become the pod of a function."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints


class Pool(Protocol):
    """Say how many pods a pool holds, those that are being built included.

    Asked once a window of a minute for every pool. Row `pool` of `demand` counts the starts that asked the pool in each
    window; windows before `window` are complete. A pod that is taken is replaced at once, which takes a build.
    """

    def size(self, now: float, pool: int, window: int, demand: Ints, memory: Floats) -> int:
        """Return the number of pods."""
        ...


pools: Catalog[Pool] = Catalog(__name__, Pool)
