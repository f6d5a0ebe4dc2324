"""Zipf lengths."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints

MOST = 10_000_000  # tokens; the table of shares has as many rows


@dataclass(frozen=True, slots=True)
class Zipf:
    """Draw prompt and output, each by itself, with a chance that falls with a power of the length: most are short.

    Length k, from 1 to the longest, has a chance in proportion to `k ** -theta`. The defaults are those of the
    published generator.

    Reference: Y. Wang et al., "BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving Systems", KDD 2025.

    >>> prompt, output = Zipf(theta=1.0, longest_prompt=2).draw(30_000, np.random.default_rng(0))
    >>> round(float((prompt == 1).mean()), 1)  # 1 is twice as likely as 2: two thirds
    0.7
    """

    theta: float = 1.1
    "Exponent; 0 makes all lengths equally likely."
    longest_prompt: int = 1024
    "Tokens."
    longest_output: int = 1024
    "Tokens."

    def __post_init__(self) -> None:
        if not 0 <= self.theta < float("inf"):
            raise ValueError(f"theta is at least 0, not {self.theta}")
        if not (1 <= self.longest_prompt <= MOST and 1 <= self.longest_output <= MOST):
            raise ValueError(
                f"the longest lengths are 1 to {MOST:,} tokens, not {self.longest_prompt} and {self.longest_output}"
            )

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return lengths by the inverse of the distribution function."""
        return self._invert(self.longest_prompt, count, chance), self._invert(self.longest_output, count, chance)

    def _invert(self, longest: int, count: int, chance: np.random.Generator) -> Ints:
        total = np.cumsum(np.arange(1, longest + 1, dtype=np.float64) ** -self.theta)
        drawn = np.searchsorted(total, chance.random(count) * total[-1], side="right") + 1
        return np.asarray(np.minimum(drawn, longest), np.int64)
