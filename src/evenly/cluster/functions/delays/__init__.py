"""Delays: how long a call may wait for a pod before a new one is started for it."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Delay(Protocol):
    """Say how long a call waits for a pod that is there already.

    Asked when a call finds no pod that has room for it, but one of its function that has none, or an empty pool. It
    gets the first room on a pod, or the first pod that its pool gets; once it has waited for so long, it starts cold.
    Fields of `functions` as for keep-alives.
    """

    def delay(self, now: float, function: int, functions: Array, memory: Floats) -> float:
        """Return the seconds; 0 starts a pod at once."""
        ...


delays: Catalog[Delay] = Catalog(__name__, Delay)
