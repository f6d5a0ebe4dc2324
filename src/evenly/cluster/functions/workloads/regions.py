"""Functions of several published regions, each of which may serve the calls of all."""

from dataclasses import dataclass

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.cold_times import ColdTimes
from evenly.cluster.functions.workloads.region import Name, Region
from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Regions:
    """Functions of several published regions, which are deployed in all of them.

    A function has the rates and durations of its own region; most of its calls come there, some in the others. Wherever
    a call is served, the cold start is that of the region which serves, and it takes the same luck to each.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025.
    """

    regions: tuple[Name, ...] = ("R1", "R2", "R3")
    "R1 to R5, each at most once."
    functions: int = 200
    "Number of functions of each region."
    hours: float = 24.0
    "Length of the workload."
    away: float = 0.25
    "Share of the calls that come in another region than their function's; an assumption."
    rtt: float = 0.1
    "Seconds there and back between two regions; an assumption: tens to hundreds of milliseconds are told."

    def __post_init__(self) -> None:
        if not self.regions or len(set(self.regions)) != len(self.regions):
            raise ValueError(f"regions are at least one, each once, not {list(self.regions)}")
        if not 0 <= self.rtt < float("inf"):
            raise ValueError(f"rtt is at least 0 seconds and finite, not {self.rtt}")
        if not 0 <= self.away <= 1:
            raise ValueError(f"away is a share from 0 to 1, not {self.away}")
        for region in self.regions:
            Region(region, self.functions, self.hours)

    def draw(self, seed: int) -> Calls:
        """Return the calls in order of arrival."""
        count = len(self.regions)
        seeds = range(seed * count, (seed + 1) * count)
        homes = [Region(name, self.functions, self.hours).draw(s) for name, s in zip(self.regions, seeds, strict=True)]
        arrival = np.concatenate([one.arrival for one in homes])
        order = np.argsort(arrival, kind="stable")
        named = np.concatenate([one.function + k * self.functions for k, one in enumerate(homes)])[order]
        chance = np.random.default_rng([seed, 40])
        steps = chance.integers(1, max(count, 2), len(named)) * (chance.random(len(named)) < self.away)
        function = named * count + (named // self.functions + steps) % count
        functions = self._everywhere([one.functions for one in homes])
        pair = functions.runtime[function], functions.trigger[function]
        parts, ahead = (
            np.stack(
                [ColdTimes(name).draw(*pair, np.random.default_rng([seed, salt])) for name in self.regions], axis=1
            )
            for salt in (38, 39)
        )
        seconds = np.concatenate([one.seconds for one in homes])[order]
        latency: Floats = self.rtt * (1.0 - np.eye(count))
        origin = f"{self.functions} functions of each of {', '.join(self.regions)}, {self.hours:g} h"
        span = self.hours * 3600.0
        return Calls(functions, function, arrival[order], seconds, parts, ahead, span, origin, latency=latency)

    def _everywhere(self, homes: list[Functions]) -> Functions:
        """Return the functions of all regions, each in all of them."""
        count = len(self.regions)
        trigger, runtime, size, pooled = (
            np.repeat(np.concatenate([getattr(one, name) for one in homes]), count)
            for name in ("trigger", "runtime", "size", "pooled")
        )
        lead = np.empty(len(trigger))
        for k, name in enumerate(self.regions):
            lead[k::count] = ColdTimes(name).lead(runtime[k::count], trigger[k::count])
        return Functions(trigger, runtime, size, pooled, lead, homes[0].triggers, homes[0].runtimes, homes[0].sizes)
