"""Replicas of a serving fleet whose work flows like a liquid: a scaler's commands, which are slow, and what waits."""

from dataclasses import dataclass, field

import numpy as np

from evenly.balance.scalers import Scaler
from evenly.balance.scalers.ladder import Ladder
from evenly.core import Floats, Ints
from evenly.kernel.bridge import memory_of


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many replicas serve, by the work that arrived of late.

    The scaler is asked in each tick, with the work of a window in replicas; one command is under way at a time. The
    fleet begins with the replicas that its first window asks for.
    """

    scale: Scaler = field(default_factory=Ladder)
    "How many replicas are there, by the work."
    least: int = 1
    "Replicas that always serve."
    most: int = 16
    "Replicas that there are."
    window: float = 60.0
    "Seconds that the work is averaged over."
    start: float = 40.0
    "Seconds from a command to the replicas that it means: a model has to be loaded."

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= 10_000:
            raise ValueError(
                f"least is at least 1, most at least that and at most 10000, not {self.least} and {self.most}"
            )
        if not (0 < self.window < float("inf") and 0 <= self.start < float("inf")):
            raise ValueError(f"window is above 0 and start at least 0 seconds, not {self.window} and {self.start}")

    def run(self, work: Floats, tick: float) -> "Scaled":
        """Return replicas and backlog over time; `work` is what arrives in each tick, in seconds of one replica.

        >>> fleet = Scaling(Ladder(busy=0.5), least=2, most=4, window=1.0, start=1.0)
        >>> fleet.run(np.array([0.9, 1.2, 1.6, 1.6]), tick=1.0).replicas
        array([2, 2, 2, 3])
        """
        memory, lag = memory_of(self.scale, 0, self.most), round(self.start / tick)
        many = max(1, round(self.window / tick))
        sums = np.concatenate([[0.0], np.cumsum(work)])
        replicas, backlog = np.zeros(len(work), np.int64), np.zeros(len(work))
        level = self._chosen(0.0, sums[min(many, len(work))] / (many * tick), self.least - 1, -1, memory)
        moving, lands, left = -1, -1, 0.0
        for k in range(len(work)):
            if k == lands:
                level, moving = moving, -1
            until = min(max(k, many), len(work))  # before a window has passed, the first one tells
            signal = (sums[until] - sums[max(0, until - many)]) / (many * tick)
            wanted = self._chosen(k * tick, signal, level, moving, memory)
            if moving < 0 and wanted != level:
                moving, lands = wanted, k + lag
                level, moving = (wanted, -1) if lag == 0 else (level, moving)
            left = max(0.0, left + work[k] - (level + 1) * tick)
            replicas[k], backlog[k] = level + 1, left
        return Scaled(tick, replicas, backlog)

    def _chosen(self, now: float, signal: float, level: int, moving: int, memory: Floats) -> int:
        """Return the level that the scaler chooses, of those with `least` replicas or more."""
        return max(self.least - 1, self.scale.choose(now, signal, level, moving, memory))


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
