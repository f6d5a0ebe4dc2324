"""Poisson arrivals."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Trace
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.users import zipf


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent arrivals at a constant mean rate: the workload of many users who do not know of each other."""

    rate: float = 10.0
    "Requests a second."
    requests: int = 2000
    "Number of requests."
    lengths: Lengths = field(default_factory=Quantiles)
    "Law of prompt and output length."
    users: int = 0
    "Users who share the requests by Zipf's law: the k-th sends 1/k as many as the first; 0 names no users."

    def __post_init__(self) -> None:
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate is a positive number of requests a second, not {self.rate}")
        if self.requests < 1 or self.users < 0:
            raise ValueError(f"requests is at least 1 and users at least 0, not {self.requests} and {self.users}")

    def draw(self, seed: int) -> Trace:
        """Return the trace; equal seeds give equal traces."""
        chance = np.random.default_rng(seed)
        arrival = np.cumsum(chance.exponential(1.0 / self.rate, self.requests))
        prompt, output = self.lengths.draw(self.requests, chance)
        user = zipf(self.users, self.requests, chance)
        return Trace(arrival, prompt, output, user=user, origin=f"Poisson, {self.rate:g} requests/s")
