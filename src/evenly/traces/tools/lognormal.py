"""One tool whose calls are mostly short and seldom long."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Call one tool whose seconds are lognormal: mostly short, seldom long.

    >>> Lognormal(sigma=0.0).draw(2, np.random.default_rng(0))[1].tolist()
    [1.0, 1.0]
    """

    mean: float = 1.0
    "Mean seconds of a call."
    sigma: float = 1.0
    "Standard deviation of the logarithm; 0 makes every call equally long."

    def __post_init__(self) -> None:
        for name in ("mean", "sigma"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0, not {getattr(self, name)}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return calls of one tool."""
        median = self.mean * np.exp(-(self.sigma**2) / 2)
        return np.zeros(count, np.int64), median * np.exp(self.sigma * chance.standard_normal(count))
