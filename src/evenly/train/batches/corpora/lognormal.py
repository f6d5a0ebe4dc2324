"""Log-normal lengths."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Draw lengths whose logarithm is normal: many short ones and few very long ones.

    So are the answers of a model in reinforcement learning. The defaults are ours, not from a publication.

    >>> int(np.median(Lognormal().draw(100_001, np.random.default_rng(0))).round(-2))
    700
    """

    median: float = 700.0
    "Tokens."
    sigma: float = 1.1
    "Standard deviation of the logarithm."
    longest: int = 8192
    "Longer sequences are cut to this."

    def __post_init__(self) -> None:
        if not 1 <= self.median < float("inf"):
            raise ValueError(f"median is at least 1 token, not {self.median}")
        if not 0 <= self.sigma < 10:
            raise ValueError(f"sigma is 0 to 10, not {self.sigma}")
        if self.longest < 1:
            raise ValueError(f"longest is at least 1 token, not {self.longest}")

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        """Return lengths from 1 to the longest."""
        drawn = np.rint(chance.lognormal(math.log(self.median), self.sigma, count))
        return np.clip(drawn, 1, self.longest).astype(np.int64)
