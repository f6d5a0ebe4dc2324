"""Pools that follow the time of day."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints

DAY = 1440  # windows of a day


@dataclass(frozen=True, slots=True)
class Seasonal:
    """Hold as many pods as a quantile of the demand a minute, at this time of earlier days and just now.

    Costs idle pods by the hour for allocations that wait for no build; follows hours of the day and days of growth,
    not bursts.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, which names the
    direction; the rule is ours.
    """

    quantile: float = 0.95
    "Share of the minutes whose demand the pool covers."
    around: int = 30
    "Minutes before and after this time of earlier days that count."
    least: int = 1
    "Pods that a pool holds at least."

    def __post_init__(self) -> None:
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"quantile is a share from 0 to 1, not {self.quantile}")
        if not 1 <= self.around <= DAY // 2:
            raise ValueError(f"around is 1 to {DAY // 2} minutes, not {self.around}")
        if not 0 <= self.least < 1_000_000:
            raise ValueError(f"least is 0 to 999,999 pods, not {self.least}")

    @staticmethod
    def size(now: float, pool: int, window: int, demand: Ints, memory: Floats) -> int:
        """Return the quantile of the demand, rounded up."""
        around = int(memory[1])
        days = window // 1440
        known = np.empty((days + 1) * (2 * around + 1))
        count = 0
        for day in range(days + 1):
            middle = window - 1440 * day
            for k in range(max(0, middle - around), min(middle + around + 1, window)):
                known[count] = demand[pool, k]
                count += 1
        if count == 0:
            return int(memory[2])
        ranked = np.sort(known[:count])
        return max(int(memory[2]), int(np.ceil(ranked[int(memory[0] * (count - 1))])))
