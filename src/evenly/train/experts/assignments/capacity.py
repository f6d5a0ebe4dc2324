"""Capacity."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Bools, Floats
from evenly.train.experts.routing import chosen


@dataclass(frozen=True, slots=True)
class Capacity:
    """As top-k, but an expert takes no more than its capacity; later tokens are dropped.

    Devices wait for no more than `factor` times the mean load; dropped tokens pass the layer uncomputed by that expert.

    Reference: Lepikhin et al., "GShard", 2021; Fedus et al., "Switch Transformers", 2022.

    >>> Capacity(1.0).assign(np.array([[0.9, 0.5], [0.8, 0.7]]), np.zeros(2), active=1).tolist()
    [[True, False], [False, False]]
    """

    factor: float = 1.25
    "Capacity of an expert over the mean load."

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < 1e6:
            raise ValueError(f"factor is above 0, not {self.factor}")

    def assign(self, scores: Floats, prices: Floats, active: int) -> Bools:
        """Return the choice of each token, without those that find the expert full."""
        taken = chosen(scores, prices, active)
        room = int(np.ceil(self.factor * active * len(scores) / scores.shape[1]))
        return np.asarray(taken & (np.cumsum(taken, axis=0) <= room))
