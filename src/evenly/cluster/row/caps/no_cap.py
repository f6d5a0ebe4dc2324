"""No cap."""

import math
from dataclasses import dataclass

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class NoCap:
    """Leave all clocks alone: only the power brake stands between the row and its budget.

    What happens to a row to which servers are added and nothing else is done.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return one level, unlimited."""
        return ((math.inf, math.inf),)

    @property
    def guarded(self) -> bool:
        """Return true."""
        return True

    @staticmethod
    def choose(now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return the only level."""
        return 0
