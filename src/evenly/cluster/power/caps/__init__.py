"""Caps: at which clocks the servers of a row run, by the power that is read."""

from typing import Protocol

from evenly.core import Catalog, Floats


class Cap(Protocol):
    """Choose a level of clocks from each reading of the row's power.

    A level is a row of `clocks`; level 0 is unlimited, and higher ones save more. A command takes a while to land, and
    one is under way at a time: what is chosen meanwhile counts for nothing.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return the clocks in MHz of high and low priority at each level; infinite for unlimited."""
        ...

    @property
    def guarded(self) -> bool:
        """Tell whether the row has its power brake; only a yardstick does without."""
        ...

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return a level.

        `p` is the reading, power as a share of the budget; `level` the one in force, `moving` the one that a command is
        under way to, -1 for none. `memory` is kept from reading to reading.
        """
        ...


caps: Catalog[Cap] = Catalog(__name__, Cap)
