"""Delays: how long a call may wait for a pod before a new one is started for it."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Delay(Protocol):
    """Say how long a call waits for a pod that is there already.

    Asked when a call finds no idle pod but one of its function is running or starting, or the pool of its pods is
    empty. It gets the first pod that is free, or that its pool gets. Fields of `functions` as for keep-alives.
    """

    def delay(self, now: float, function: int, functions: Array, memory: Floats) -> float:
        """Return the seconds; 0 starts a pod at once."""
        ...


delays: Catalog[Delay] = Catalog(__name__, Delay)
