"""Retentions: how long the cache of a paused program is kept."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Retention(Protocol):
    """Say how long the full blocks of a request stay after its end, while its program is busy elsewhere.

    Asked when a request ends that is not the last turn of its program. The blocks are let go when the time is over and
    the next turn has not come, when that turn has its seat, and when nothing could go on without them. Fields of
    `requests`: session, turn, tool (what the program does next, -1 if unknown), prompt, output, first_token, finish.
    """

    def seconds(self, now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return the seconds; 0 lets the blocks join the other unused ones at once, oldest forgotten first."""
        ...


retentions: Catalog[Retention] = Catalog(__name__, Retention)
