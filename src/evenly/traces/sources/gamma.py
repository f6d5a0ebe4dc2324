"""Gamma arrivals."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Trace
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.quantiles import Quantiles


@dataclass(frozen=True, slots=True)
class Gamma:
    """Arrivals whose gaps follow a Gamma law: `cv` above 1 is burstier than Poisson, below 1 more regular.

    Reference: Li et al., "AlpaServe: statistical multiplexing with model parallelism for deep learning serving", 2023.
    """

    rate: float = 10.0
    "Requests a second."
    cv: float = 2.0
    "Coefficient of variation of the gaps; the shape is 1 / cv^2."
    requests: int = 2000
    "Number of requests."
    lengths: Lengths = field(default_factory=Quantiles)
    "Law of prompt and output length."

    def __post_init__(self) -> None:
        if not (0 < self.rate < float("inf") and 0 < self.cv < float("inf")):
            raise ValueError(f"rate and cv are positive numbers, not {self.rate} and {self.cv}")
        if self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def draw(self, seed: int) -> Trace:
        """Return the trace; equal seeds give equal traces."""
        chance = np.random.default_rng(seed)
        shape = self.cv**-2
        arrival = np.cumsum(chance.gamma(shape, 1.0 / (shape * self.rate), self.requests))
        prompt, output = self.lengths.draw(self.requests, chance)
        return Trace(arrival, prompt, output, origin=f"Gamma, {self.rate:g} requests/s, cv {self.cv:g}")
