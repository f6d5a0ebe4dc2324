"""FLOPs of a transformer."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints

PASSES = 3  # a backward pass takes twice as many FLOPs as a forward pass


@dataclass(frozen=True, slots=True)
class Transformer:
    """A sequence takes the FLOPs of a dense transformer: 24 h² n + 4 h n² a layer and pass, half the square if causal.

    Reference: D. Narayanan et al., "Efficient large-scale language model training on GPU clusters using Megatron-LM",
    2021.

    >>> Transformer(hidden=10, layers=1, causal=False, rate=7200.0).seconds(np.array([1, 60]))
    array([ 1.01666667, 120.        ])
    """

    hidden: int = 4096
    "Width of the model."
    layers: int = 32
    "Layers of the model."
    causal: bool = True
    "Whether a token attends to those before it only."
    rate: float = 4e14
    "Useful FLOP/s of a rank."

    def __post_init__(self) -> None:
        if min(self.hidden, self.layers) < 1:
            raise ValueError(f"hidden and layers are at least 1, not {self.hidden} and {self.layers}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate is a positive number of FLOP/s, not {self.rate}")

    def seconds(self, lengths: Ints, attended: Ints | None = None) -> Floats:
        """Return the seconds of each sequence."""
        squares = (lengths if attended is None else attended).astype(np.float64) ** 2
        attention = (2.0 if self.causal else 4.0) * self.hidden * squares
        return PASSES * self.layers / self.rate * (24.0 * self.hidden**2 * lengths + attention)
