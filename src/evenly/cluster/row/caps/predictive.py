"""Predictive."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evenly.cluster.row.caps import Training
from evenly.core import Floats

WIDTH = 0.01  # of the bins of power, a share of the budget
BINS = 200
NEAR = 2  # bins on either side that tell what may happen in one
HEAD = 4  # places of the memory before the tables: levels, idle power, margin, spare


@dataclass(frozen=True, slots=True)
class Predictive:
    """Cap only if the power is about to exceed the budget, and only as much as that takes.

    A week without caps tells how much the power rises at most from where it is: while one command is under way, and
    while two are, since a level that has been asked for cannot be corrected before it is there. Clocks stay as long as
    what may come within the first of these times fits the budget; else the least level that fits within the second is
    asked for. From high power little more can follow, as most servers are busy already: that is what fixed thresholds
    do not see.

    Reference: none; forecast and least correction are those of model predictive control.
    """

    derives: ClassVar[tuple[str, ...]] = ("idle", "saved", "soon", "late")

    low: tuple[float, ...] = (1335.0, 1275.0, 1200.0, 1110.0)
    "Clocks of low priority that are tried first, in MHz, falling."
    high: tuple[float, ...] = (1350.0, 1305.0)
    "Clocks of high priority that are tried after these, in MHz, falling."
    margin: float = 0.01
    "Share of the budget that is left free, for what the week did not show."
    idle: float | None = None
    "Power of the idle row, a share of the budget; by default fitted, as are the next three."
    saved: tuple[float, ...] | None = None
    "Share of the power above idle that each level saves."
    soon: tuple[float, ...] | None = None
    "Largest rise while one command is under way, by power in steps of 1% of the budget."
    late: tuple[float, ...] | None = None
    "Largest rise while two are."

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            clocks = getattr(self, name)
            if not all(0 < clock < math.inf for clock in clocks) or list(clocks) != sorted(clocks, reverse=True):
                raise ValueError(f"{name} is a falling list of MHz, not {clocks}")
        if not 0 <= self.margin < 1:
            raise ValueError(f"margin is a share of at least 0 and below 1, not {self.margin}")
        if self.idle is not None and not 0 <= self.idle < 10:
            raise ValueError(f"idle is a share of at least 0 and below 10, not {self.idle}")

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return a level for each clock: low priority first, then high priority with low priority at its lowest."""
        lowest = self.low[-1] if self.low else math.inf
        steps = [(math.inf, clock) for clock in self.low] + [(clock, lowest) for clock in self.high]
        return ((math.inf, math.inf), *steps)

    @property
    def guarded(self) -> bool:
        """Return true."""
        return True

    def fit(self, training: Training) -> "Predictive":
        """Return the same with its tables from a week without caps."""
        soon = training.telemetry + training.actuation + training.tick  # the next look comes a sample later
        late = soon + training.actuation
        return replace(
            self,
            idle=training.idle,
            saved=tuple(training.saved(clocks) for clocks in self.clocks),
            soon=table(training.samples, training.rises(soon)),
            late=table(training.samples, training.rises(late)),
        )

    def memory(self, seed: int, servers: int) -> Floats:
        """Return the tables in a row; raise `ValueError` if they are still to be fitted."""
        if self.idle is None or self.saved is None or self.soon is None or self.late is None:
            raise ValueError("predictive is not fitted: name a scenario, or give idle, saved, soon and late")
        head = [float(len(self.saved)), self.idle, self.margin, 0.0]
        return np.concatenate([head, self.saved, self.soon, self.late])

    @staticmethod
    def choose(now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return the level in force while it fits, else the least one that does."""
        levels, idle, most = int(memory[0]), memory[1], 1.0 - memory[2]
        bare = idle + (p - idle) / (1.0 - memory[HEAD + level])  # what the row would draw without caps
        place = HEAD + levels + max(0, min(BINS - 1, int(bare / WIDTH)))
        soon = bare + memory[place]
        late = bare + memory[place + BINS]
        fits = idle + (soon - idle) * (1.0 - memory[HEAD + level]) <= most
        first = level + 1 if not fits else 0
        last = levels - 1 if not fits else level
        for wanted in range(first, last):
            if idle + (late - idle) * (1.0 - memory[HEAD + wanted]) <= most:
                return wanted
        return last


def table(samples: Floats, rises: Floats) -> tuple[float, ...]:
    """Return the largest rise by bin of power; one that was never seen takes that of the nearest one below it."""
    place = np.clip((samples / WIDTH).astype(np.int64), 0, BINS - 1)
    most = np.full(BINS, -1.0)
    np.maximum.at(most, place, rises)
    near = [float(most[max(0, k - NEAR) : k + NEAR + 1].max()) for k in range(BINS)]
    for k in range(1, BINS):
        near[k] = near[k] if near[k] >= 0 else near[k - 1]
    return tuple(max(0.0, value) for value in near)
