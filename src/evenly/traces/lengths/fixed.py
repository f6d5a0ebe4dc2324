"""Fixed lengths."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Fixed:
    """Give every request the same prompt and output."""

    prompt: int = 512
    "Tokens."
    output: int = 128
    "Tokens."

    def __post_init__(self) -> None:
        if min(self.prompt, self.output) < 1:
            raise ValueError(f"prompt and output are at least 1 token, not {self.prompt} and {self.output}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return the same lengths `count` times."""
        return np.full(count, self.prompt), np.full(count, self.output)
