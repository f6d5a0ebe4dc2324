"""Conversations."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Ints
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.quantiles import Quantiles


@dataclass(frozen=True, slots=True)
class Conversations:
    """Draw a prompt and its answer from a law of lengths; both together are a sequence to be trained on."""

    lengths: Lengths = field(default_factory=Quantiles)
    "Law of prompt and output lengths."

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        """Return the sums of prompts and outputs."""
        prompt, output = self.lengths.draw(count, chance)
        return prompt + output
