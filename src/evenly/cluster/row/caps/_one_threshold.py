"""What policies of one threshold have in common."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.balance.ladder import climb
from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class OneThreshold:
    """Lower clocks while readings are above one threshold."""

    threshold: float = 0.89
    "Reading above which the clocks are lowered, a share of the budget."
    band: float = 0.05
    "By how much a reading must lie below the threshold before they are raised again."
    clock: float = 1110.0
    "Lowered clock in MHz."

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 10:
            raise ValueError(f"threshold is above 0 and at most 10 times the budget, not {self.threshold}")
        if not 0 <= self.band < self.threshold:
            raise ValueError(f"band is at least 0 and below the threshold, not {self.band}")
        if not 0 < self.clock < math.inf:
            raise ValueError(f"clock is a positive number of MHz, not {self.clock}")

    @property
    def guarded(self) -> bool:
        """Return true."""
        return True

    def memory(self, seed: int, servers: int) -> Floats:
        """Return band and threshold."""
        return np.array([self.band, self.threshold])

    choose = staticmethod(climb)
