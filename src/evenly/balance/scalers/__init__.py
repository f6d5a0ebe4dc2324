"""Scalers: how many replicas of a fleet are open, by its load."""

from typing import Protocol

from evenly.core import Catalog, Floats


class Scaler(Protocol):
    """Choose a level every so many seconds; level k is k + 1 open replicas.

    The verb is that of the caps of a row of servers, whose controllers serve here too. Not asked while nothing is there
    on level 0. A command takes as long as a replica starts, and one is under way at a time: what is chosen meanwhile
    counts for nothing. Replicas that are to be opened start unless there are closed ones that have not stopped; those
    that are to be closed, the least loaded first, end what they have.
    """

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return a level.

        `p` is the load since the last look, in replicas: where requests are served, the mean number of those that wait
        or run over the number that one replica is meant for. `level` is the one in force, `moving` the one that
        replicas start for, -1 for none. `memory` is kept from look to look.
        """
        ...


scalers: Catalog[Scaler] = Catalog(__name__, Scaler)
