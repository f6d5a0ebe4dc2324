"""Admissions: may the head of the queue start now."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Admission(Protocol):
    """Let the head of the queue start, or hold it although its first blocks would fit.

    An empty replica always starts its head, whatever the policy says.
    """

    def admit(
        self, now: float, request: int, need: int, free: int, running: int, requests: Array, memory: Floats
    ) -> int:
        """Return 1 to start a request that needs `need` of `free` blocks beside `running` others, 0 to hold it."""
        ...


admissions: Catalog[Admission] = Catalog(__name__, Admission)
