"""Tokens."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Tokens:
    """Every token takes as long, wherever it stands: right while attention is a small part of the work.

    >>> Tokens(token=0.001).seconds(np.array([100, 300]))
    array([0.1, 0.3])
    """

    token: float = 1e-4
    "Seconds of a token; by default those of a model of 7 billion weights at 4e14 useful FLOP/s."

    def __post_init__(self) -> None:
        if not 0 < self.token < float("inf"):
            raise ValueError(f"token is a positive number of seconds, not {self.token}")

    def seconds(self, lengths: Ints, attended: Ints | None = None) -> Floats:
        """Return the seconds of each sequence, wherever attention computes it."""
        return self.token * lengths.astype(np.float64)
