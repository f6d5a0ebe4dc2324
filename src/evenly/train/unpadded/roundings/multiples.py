"""Multiples of a step."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Multiples:
    """Round up to the next multiple of a step.

    >>> Multiples(step=64).up(np.array([5, 64, 65]))
    array([ 64,  64, 128])
    """

    step: int = 64
    "Tokens."

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError(f"step is at least 1 token, not {self.step}")

    def up(self, lengths: Ints) -> Ints:
        """Return the next multiple for each."""
        return -(-np.asarray(lengths, np.int64) // self.step) * self.step
