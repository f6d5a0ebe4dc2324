"""Ideal."""

import math
from dataclasses import dataclass

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Ideal:
    """Draw whatever the work asks for, without brake: a yardstick for latency and energy, not a policy.

    A row that could do so would not need a budget.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return one level, unlimited."""
        return ((math.inf, math.inf),)

    @property
    def guarded(self) -> bool:
        """Return false: nothing holds the power."""
        return False

    @staticmethod
    def choose(now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return the only level."""
        return 0
