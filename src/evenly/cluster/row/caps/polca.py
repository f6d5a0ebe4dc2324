"""POLCA."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evenly.balance.ladder import climb
from evenly.cluster.row.caps import Training
from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Polca:
    """Lower clocks in steps, low priority first, early enough for commands to land before the brake is needed.

    Above `first` low priority goes to `low_first`; above `second` to `low_second`, and if it is there and the power is
    still above, high priority goes to `high_second`. Each step is undone once the power lies `band` below its
    threshold.
    Safe if the power rises by less than 1 - `second` while a command is under way. Thresholds that are null are fitted
    to a week of the row without caps: `second` is 1 less the largest such rise, `first` lies below it by what the first
    step saves.

    Reference: Patel et al., "Characterizing power management opportunities for LLMs in the cloud", 2024.
    """

    derives: ClassVar[tuple[str, ...]] = ("first", "second")

    first: float | None = 0.80
    "Reading above which the first step is taken, a share of the budget; null: fitted."
    second: float | None = 0.89
    "Reading above which the second step is taken; null: fitted."
    band: float = 0.05
    "By how much a reading must lie below a threshold before its step is undone."
    low_first: float = 1275.0
    "Clock of low priority after the first step, in MHz; the base clock of an A100."
    low_second: float = 1110.0
    "Clock of low priority after the second step, in MHz."
    high_second: float = 1305.0
    "Clock of high priority if that is not enough, in MHz."

    def __post_init__(self) -> None:
        for name in self.derives:
            value = getattr(self, name)
            if value is not None and not 0 < value <= 10:
                raise ValueError(f"{name} is above 0 and at most 10 times the budget, not {value}")
        if self.first is not None and self.second is not None and self.first > self.second:
            raise ValueError(f"first is at most second, {self.second:g}, not {self.first}")
        if not 0 <= self.band < (self.first or 1.0):
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

    def fit(self, training: Training) -> "Polca":
        """Return the same with the thresholds that are null filled in from a week without caps."""
        rise = float(training.rises(training.telemetry + training.actuation).max())
        second = max(1.0 - rise, 2 * self.band) if self.second is None else self.second
        saving = training.saved((math.inf, self.low_first)) * max(second - training.idle, 0.0)
        first = max(second - saving, 2 * self.band) if self.first is None else self.first
        return replace(self, first=min(first, second), second=second)

    def memory(self, seed: int, servers: int) -> Floats:
        """Return the band and the threshold of each step; raise `ValueError` if one is still to be fitted."""
        if self.first is None or self.second is None:
            raise ValueError("first and second are null: name a scenario to fit them to, or give both")
        return np.array([self.band, self.first, self.second, self.second])

    choose = staticmethod(climb)
