"""Normal lengths."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Normal:
    """Draw prompt and output from normal distributions whose standard deviation is a share of the mean.

    Reference: the benchmark of DeepSpeed-FastGen uses a spread of 0.3 and prompts of at most 4000 tokens.
    """

    prompt: float = 1200.0
    "Mean tokens."
    output: float = 128.0
    "Mean tokens."
    spread: float = 0.3
    "Standard deviation over mean."
    longest_prompt: int = 4000
    "Longer prompts are cut to this."

    def __post_init__(self) -> None:
        for name in ("prompt", "output", "longest_prompt"):
            if not 1 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 1 token, not {getattr(self, name)}")
        if not 0 <= self.spread < 10:
            raise ValueError(f"spread is a share of the mean, not {self.spread}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return lengths of at least 1 token."""
        prompt = np.rint(chance.normal(self.prompt, self.spread * self.prompt, count))
        output = np.rint(chance.normal(self.output, self.spread * self.output, count))
        return np.clip(prompt, 1, self.longest_prompt).astype(np.int64), np.maximum(output, 1).astype(np.int64)
