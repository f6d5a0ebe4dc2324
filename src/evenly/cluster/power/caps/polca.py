"""POLCA."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.cluster.power.caps._ladder import climb
from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Polca:
    """Lower clocks in steps, low priority first, early enough for commands to land before the brake is needed.

    Above `first` low priority goes to `low_first`; above `second` to `low_second`, and if it is there and the power is
    still above, high priority goes to `high_second`. Each step is undone once the power lies `band` below its threshold.
    Safe if the power rises by less than 1 - `second` while a command is under way.

    Reference: Patel et al., "Characterizing power management opportunities for LLMs in the cloud", 2024.
    """

    first: float = 0.80
    "Reading above which the first step is taken, a share of the budget."
    second: float = 0.89
    "Reading above which the second step is taken: 1 less the largest rise while a command is under way."
    band: float = 0.05
    "By how much a reading must lie below a threshold before its step is undone."
    low_first: float = 1275.0
    "Clock of low priority after the first step, in MHz; the base clock of an A100."
    low_second: float = 1110.0
    "Clock of low priority after the second step, in MHz."
    high_second: float = 1305.0
    "Clock of high priority if that is not enough, in MHz."

    def __post_init__(self) -> None:
        if not 0 < self.first <= 10:
            raise ValueError(f"first is above 0 and at most 10 times the budget, not {self.first}")
        if not self.first < self.second <= 10:
            raise ValueError(f"second is above first and at most 10 times the budget, not {self.second}")
        if not 0 <= self.band < self.first:
            raise ValueError(f"band is at least 0 and below first, not {self.band}")
        for name in ("low_first", "low_second", "high_second"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is a positive number of MHz, not {value}")
        if self.low_second > self.low_first:
            raise ValueError(f"low_second is at most low_first, {self.low_first:g} MHz, not {self.low_second}")

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return four levels."""
        low, lower = self.low_first, self.low_second
        return ((math.inf, math.inf), (math.inf, low), (math.inf, lower), (self.high_second, lower))

    @property
    def guarded(self) -> bool:
        """Return true."""
        return True

    def memory(self, seed: int, servers: int) -> Floats:
        """Return the band and the threshold of each step."""
        return np.array([self.band, self.first, self.second, self.second])

    choose = staticmethod(climb)
