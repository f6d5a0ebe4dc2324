"""Autoregressive."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.kernel.offload.asked import Asked
from evenly.offload.routings import Shape
from evenly.offload.routings._logits import asked, wandering


@dataclass(frozen=True, slots=True)
class Autoregressive:
    """Logits of each expert drift from token to token around a value of its own.

    The defaults are chosen so that of 64 experts, 8 of which are visited, a cache of a quarter hits as often as was
    published for Qwen2-57B: 0.45 for LRU.
    """

    persistence: float = 0.45
    "Correlation of an expert's logit from one token to the next."
    popularity: float = 0.2
    "Standard deviation of the experts' own values, where that of the drift is 1."
    error: float = 2.0
    "Standard deviation of the error of logits that earlier layers predict."

    def __post_init__(self) -> None:
        if not 0.0 <= self.persistence < 1.0:
            raise ValueError(f"persistence is at least 0 and below 1, not {self.persistence}")
        for name in ("popularity", "error"):
            if not 0.0 <= getattr(self, name) < 1e6:
                raise ValueError(f"{name} is a standard deviation, at least 0, not {getattr(self, name)}")

    def draw(self, shape: Shape, tokens: Ints, seed: int) -> Asked:
        """Return passes of one long text."""
        chance = np.random.default_rng([seed, 17])
        bias = self.popularity * chance.standard_normal((shape.layers, shape.experts))
        logits = wandering(shape, bias, self.persistence, chance)
        return asked(logits, shape, tokens, self.error, np.random.default_rng([seed, 18]))
