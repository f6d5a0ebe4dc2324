"""Batches of like length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.train.batches.dealers import Step


@dataclass(frozen=True, slots=True)
class Grouped:
    """Sort windows of the sequences by length, so that batches hold like lengths and need little padding.

    What `group_by_length` of Hugging Face's trainer does, with the steps of a window in random order. Ranks of a step
    are alike too, but every step trains on sequences of one length, which is not a random sample of the data.

    Reference: Hugging Face transformers, `LengthGroupedSampler`, 2021.
    """

    window: int = 50
    "Global batches that are sorted together."
    seed: int = 0
    "Seed of the order of steps within a window."

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window is at least 1 global batch, not {self.window}")
        if self.seed < 0:
            raise ValueError(f"seed is at least 0, not {self.seed}")

    def deal(self, lengths: Ints, costs: Floats, ranks: int, batch: int, start: int = 0) -> Iterator[Step]:
        """Yield the steps."""
        whole = ranks * batch
        total = len(lengths) // whole
        for window in range(start // self.window, -(-total // self.window)):
            first = window * self.window
            steps = min(self.window, total - first)
            order = first * whole + np.argsort(-lengths[first * whole : (first + steps) * whole], kind="stable")
            turns = np.random.default_rng([self.seed, window]).permutation(steps)
            for step in turns[max(0, start - first) :].tolist():
                dealt = order[step * whole : (step + 1) * whole]
                yield [[dealt[rank::ranks]] for rank in range(ranks)]
