"""Daily."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.cluster.row.traffics import STREAM, Stream
from evenly.cluster.row.traffics._services import SERVICES
from evenly.core import Floats
from evenly.hardware.server import Phases

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Daily:
    """Poisson arrivals whose rate follows the day, at each server by itself; three services with uniform lengths.

    A server is asked for `peak (1 - swing + swing sin(2 pi (t / day - 0.3)))` of its time at full clock, so the busiest
    hour is the 13th.
    """

    hours: float = 24.0
    "Length of the run."
    peak: float = 0.82
    "Share of a server's time that is asked for at the busiest hour."
    swing: float = 0.28
    "Half of the difference between the busiest and the quietest hour, as a share of the peak."
    bursts: float = 0.0
    "Bursts a day, at random times, that all servers see at once."
    burst: float = 1.3
    "Factor on the arrivals in a burst."
    burst_seconds: float = 60.0
    "Length of a burst."

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 100_000:
            raise ValueError(f"hours is above 0 and at most 100000, not {self.hours}")
        if not 0 < self.peak <= 10:
            raise ValueError(f"peak is above 0 and at most 10, not {self.peak}")
        if not 0 <= self.swing <= 0.5:
            raise ValueError(f"swing is 0 to 0.5, not {self.swing}")
        if not 0 <= self.bursts <= 1000:
            raise ValueError(f"bursts is 0 to 1000 a day, not {self.bursts}")
        if not 1 <= self.burst <= 100:
            raise ValueError(f"burst is a factor of 1 to 100, not {self.burst}")
        if not 0 < self.burst_seconds <= DAY:
            raise ValueError(f"burst_seconds is above 0 and at most a day, not {self.burst_seconds}")

    @property
    def seconds(self) -> float:
        """Length of the run in seconds."""
        return 3600.0 * self.hours

    def load(self, times: Floats) -> Floats:
        """Return the share of a server's time that is asked for at `times`, bursts apart.

        >>> Daily().load(np.array([0.55, 0.05]) * DAY).round(4)
        array([0.82  , 0.3608])
        """
        wave = np.sin(2 * np.pi * (times / DAY - 0.3))
        return np.asarray(self.peak * (1 - self.swing + self.swing * wave))

    def lasting(self, hours: float) -> "Daily":
        """Return the same for another length of time."""
        return replace(self, hours=hours)

    def stream(self, server: int, phases: Phases, seed: int) -> Stream:
        """Return the requests of a server, which answers one service."""
        chance = np.random.default_rng([seed, STREAM, 1 + server])
        service = SERVICES[server % len(SERVICES)]
        arrival = self._arrivals(chance, service.seconds(phases), self._bursts(seed))
        prompt, output = (
            chance.integers(low, high + 1, len(arrival)) for low, high in (service.prompt, service.output)
        )
        return arrival, prompt, output

    def _arrivals(self, chance: np.random.Generator, seconds: float, starts: Floats) -> Floats:
        """Return times of arrival: those of the highest rate, thinned."""
        top = self.peak * (self.burst if len(starts) else 1.0) / seconds
        times = np.sort(chance.uniform(0.0, self.seconds, chance.poisson(top * self.seconds)))
        rate = self.load(times) / seconds
        if len(starts):
            since = times - starts[np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)]
            rate = np.where((since >= 0) & (since < self.burst_seconds), self.burst * rate, rate)
        return np.asarray(times[chance.uniform(0.0, top, len(times)) < rate])

    def _bursts(self, seed: int) -> Floats:
        chance = np.random.default_rng([seed, STREAM, 0])
        return np.sort(chance.uniform(0.0, self.seconds, chance.poisson(self.bursts * self.seconds / DAY)))
