"""Functions of a published region."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.cold_times import ColdTimes, pooled
from evenly.cluster.functions.joint_distribution import joint_distribution
from evenly.cluster.functions.published import invert, shares, tables
from evenly.core import Floats, Ints

DAY = 86_400.0
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)  # periods that people give to clocks
GRID = 1000  # points of the daily curve
Name = Literal["R1", "R2", "R3", "R4", "R5"]


@dataclass(frozen=True, slots=True)
class Region:
    """Functions with the published rates, durations, runtimes and triggers, called by clocks or by chance.

    A function called by a clock has the period nearest to its rate, a phase of its own, and ticks late by up to
    `jitter`; all others are called as a Poisson process that follows the hours of the day. Runtimes, triggers and sizes
    are shared out as published for region R2; every call of a function runs equally long.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025.
    """

    region: Name = "R2"
    "R1 to R5."
    functions: int = 600
    "Number of functions."
    hours: float = 48.0
    "Length of the workload."
    busiest: float = 20_000.0
    "Calls a day of a function at most: above it, runs would only become longer."
    swing: float = 0.5
    "Amplitude of the day in the rate of all but clocks, as a share of its mean; an assumption."
    jitter: float = 0.5
    "Seconds by which a clock is late at most; an assumption."

    def __post_init__(self) -> None:
        if self.region not in get_args(Name):
            raise ValueError(f"region is one of {', '.join(get_args(Name))}, not '{self.region}'")
        if not 1 <= self.functions <= 1_000_000:
            raise ValueError(f"functions is 1 to 1,000,000, not {self.functions}")
        for name, most in (("hours", 10_000.0), ("busiest", 1e9)):
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"{name} is above 0 and at most {most:g}, not {getattr(self, name)}")
        if not 0 <= self.swing <= 1:
            raise ValueError(f"swing is a share from 0 to 1, not {self.swing}")
        if not 0 <= self.jitter < 60:
            raise ValueError(f"jitter is 0 to 60 seconds, not {self.jitter}")

    def draw(self, seed: int) -> Calls:
        """Return the calls in order of arrival."""
        chance = np.random.default_rng([seed, 31])
        functions = self._functions(chance)
        levels = tables()["levels"]["others"]
        rate = np.minimum(
            invert(levels, tables()["requests_a_day"][self.region], chance.random(self.functions)), self.busiest
        )
        lasting = invert(levels, tables()["execution"][self.region], chance.random(self.functions))
        times = [
            self._ticks(r, chance) if clock else self._random(r, chance)
            for r, clock in zip(rate, functions.timers, strict=True)
        ]
        function = np.repeat(np.arange(self.functions), [len(one) for one in times])
        arrival = np.concatenate(times)
        order = np.lexsort((function, arrival))
        function, arrival = function[order], arrival[order]
        colds = ColdTimes(self.region)
        pair = functions.runtime[function], functions.trigger[function]
        parts, ahead = (colds.draw(*pair, np.random.default_rng([seed, salt])) for salt in (32, 33))
        origin = f"{self.functions} functions as in region {self.region}, {self.hours:g} h"
        return Calls(functions, function, arrival, lasting[function], parts, ahead, self.hours * 3600.0, origin)

    def _functions(self, chance: np.random.Generator) -> Functions:
        """Return functions with the published shares of runtimes, triggers and sizes."""
        both, sizes = joint_distribution().functions, shares("sizes", "functions")
        drawn = chance.choice(both.size, self.functions, p=both.ravel() / both.sum())
        runtime, trigger = (column.astype(np.int64) for column in np.divmod(drawn, both.shape[1]))
        size: Ints = chance.choice(len(sizes), self.functions, p=list(sizes.values()))
        lead = ColdTimes(self.region).lead(runtime, trigger)
        names = tuple(tables()["triggers"]), tuple(tables()["runtimes"]), tuple(sizes)
        return Functions(trigger, runtime, size, pooled(runtime), lead, *names)

    def _ticks(self, rate: float, chance: np.random.Generator) -> Floats:
        """Return the calls of a clock with about `rate` ticks a day."""
        minutes = min(MINUTES, key=lambda period: abs(np.log(period * 60 * rate / DAY)))
        ticks = np.arange(chance.random() * minutes * 60, self.hours * 3600.0, minutes * 60.0)
        return np.asarray(np.sort(ticks + self.jitter * chance.random(len(ticks))))

    def _random(self, rate: float, chance: np.random.Generator) -> Floats:
        """Return calls by chance, `rate` a day in the mean."""
        grid = np.linspace(0.0, self.hours * 3600.0, GRID)
        angle = 2 * np.pi / DAY
        share = rate / DAY * (grid - self.swing / angle * np.sin(angle * grid))  # the rate is 1 - swing cos(angle t)
        return np.asarray(np.sort(np.interp(chance.random(chance.poisson(share[-1])) * share[-1], share, grid)))
