"""Replicas of a serving fleet by the ladder that holds a row's power: thresholds, a band, slow commands."""

from dataclasses import dataclass

import numpy as np

from evenly.balance.ladder import climb
from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many replicas serve, by the work that arrived of late.

    A further replica is asked for once the work of a window, in replicas, exceeds `busy` of those that there are, and
    given back once it lies `band` below that. The fleet begins with those that its first window asks for.
    """

    least: int = 1
    "Replicas that always serve."
    most: int = 16
    "Replicas that there are."
    busy: float = 0.7
    "Share of the replicas' time that may be asked for before another is started."
    band: float = 0.3
    "By how many replicas' work the signal must fall before one is stopped."
    window: float = 60.0
    "Seconds that the work is averaged over."
    start: float = 40.0
    "Seconds from a command to the replicas that it means: a model has to be loaded."

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= 10_000:
            raise ValueError(
                f"least is at least 1, most at least that and at most 10000, not {self.least} and {self.most}"
            )
        if not 0 < self.busy <= 1:
            raise ValueError(f"busy is a share above 0 and at most 1, not {self.busy}")
        if not 0 <= self.band < self.busy * self.least:
            raise ValueError(
                f"band is at least 0 and below busy times least, {self.busy * self.least:g}, not {self.band}"
            )
        if not (0 < self.window < float("inf") and 0 <= self.start < float("inf")):
            raise ValueError(f"window is above 0 and start at least 0 seconds, not {self.window} and {self.start}")

    @property
    def ladder(self) -> Floats:
        """Return the band and the threshold of each further replica, in replicas' work.

        >>> Scaling(least=2, most=4, busy=0.5).ladder
        array([0.3, 1. , 1.5])
        """
        return np.array([self.band, *(self.busy * k for k in range(self.least, self.most))])

    def run(self, work: Floats, tick: float) -> "Scaled":
        """Return replicas and backlog over time; `work` is what arrives in each tick, in seconds of one replica."""
        ladder, lag = self.ladder, round(self.start / tick)
        many = max(1, round(self.window / tick))
        sums = np.concatenate([[0.0], np.cumsum(work)])
        replicas, backlog = np.zeros(len(work), np.int64), np.zeros(len(work))
        level = climb(0.0, sums[min(many, len(work))] / (many * tick), 0, -1, ladder)
        moving, lands, left = -1, -1, 0.0
        for k in range(len(work)):
            if k == lands:
                level, moving = moving, -1
            until = min(max(k, many), len(work))  # before a window has passed, the first one tells
            signal = (sums[until] - sums[max(0, until - many)]) / (many * tick)
            wanted = climb(k * tick, signal, level, moving, ladder)
            if moving < 0 and wanted != level:
                moving, lands = wanted, k + lag
                level, moving = (wanted, -1) if lag == 0 else (level, moving)
            left = max(0.0, left + work[k] - (self.least + level) * tick)
            replicas[k], backlog[k] = self.least + level, left
        return Scaled(tick, replicas, backlog)


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """What a fleet did; work that has not been done waits, and any replica takes it."""

    tick: float
    replicas: Ints
    "In each tick."
    backlog: Floats
    "Seconds of one replica's work that wait at the end of each tick."

    @property
    def hours(self) -> float:
        """Replica-hours."""
        return float(self.replicas.sum() * self.tick / 3600)

    @property
    def changes(self) -> int:
        """How often the number of replicas changed."""
        return int(np.count_nonzero(np.diff(self.replicas)))

    @property
    def wait(self) -> Floats:
        """Seconds that what waits at the end of each tick will wait with the replicas of then."""
        return np.asarray(self.backlog / self.replicas)


def within(limit: float, cap: float, devices: int) -> int:
    """Return how many replicas a power budget holds, as the planner of NVIDIA Dynamo projects it.

    `limit` is its `total_gpu_power_limit` in watts, `cap` the power limit of each device in watts, whatever it draws.
    The result may be the `most` of `Scaling`.

    >>> within(5200.0, 650.0, devices=2)
    4

    Reference: documentation of NVIDIA Dynamo, "Power-aware budget scaling".
    """
    if not (0 <= limit < float("inf") and 0 < cap < float("inf") and devices >= 1):
        raise ValueError(
            f"limit is at least 0 W, cap above 0 W and devices at least 1, not {limit}, {cap} and {devices}"
        )
    return int(limit / (cap * devices) * (1 + 1e-12))


def fixed(work: Floats, tick: float, replicas: int) -> Scaled:
    """Return the same for a fleet that never changes."""
    return Scaling(least=replicas, most=replicas).run(work, tick)


def binned(arrival: Floats, seconds: Floats, tick: float) -> Floats:
    """Return the work that arrives in each tick.

    >>> binned(np.array([0.5, 1.5, 1.9]), np.array([2.0, 3.0, 4.0]), 1.0)
    array([2., 7.])
    """
    place = (arrival / tick).astype(np.int64)
    return np.asarray(np.bincount(place, seconds), np.float64)
