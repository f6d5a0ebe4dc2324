"""One function, whose figures can be computed by hand."""

from dataclasses import dataclass

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Single:
    """One function, called once a period or by chance, with equal runs and equal cold starts.

    A period longer than keep-alive and run together makes every call cold, a shorter one only the first. By chance and
    with runs of no time, a call is cold with the probability exp(-keep-alive / period).
    """

    period: float = 120.0
    "Seconds between calls, or their mean."
    random: bool = False
    "Whether calls come by chance."
    seconds: float = 0.1
    "Seconds that each call runs."
    cold: float = 1.0
    "Seconds of each cold start."
    timer: bool = False
    "Whether the platform knows that a clock calls it."
    hours: float = 24.0
    "Length of the workload."

    def __post_init__(self) -> None:
        for name in ("period", "hours"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is positive and finite, not {getattr(self, name)}")
        for name in ("seconds", "cold"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 and finite, not {getattr(self, name)}")

    def draw(self, seed: int) -> Calls:
        """Return the calls in order of arrival."""
        span = self.hours * 3600.0
        chance = np.random.default_rng([seed, 34])
        arrival = np.arange(0.0, span, self.period)
        if self.random:
            arrival = np.sort(chance.random(chance.poisson(span / self.period)) * span)
        none: Ints = np.zeros(1, np.int64)
        trigger = "TIMER-A" if self.timer else "APIG-S"
        lead = np.full(1, self.cold)
        functions = Functions(none, none, none, none + 1, lead, (trigger,), ("Python3",), ("300-128",))
        parts = np.tile([0.0, 0.0, 0.0, self.cold], (len(arrival), 1))
        lasting = np.full(len(arrival), self.seconds)
        origin = f"one function every {self.period:g} s"
        return Calls(functions, np.zeros(len(arrival), np.int64), arrival, lasting, parts, parts, span, origin)
