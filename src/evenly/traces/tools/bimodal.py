"""One tool that is mostly quick and sometimes very slow."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Bimodal:
    """Call one tool that is mostly quick and sometimes very slow, as a build whose results are mostly cached.

    Nothing about a call tells which it will be. To keep nothing loses the caches of the quick calls, to keep always
    strands memory during the slow ones.
    """

    quick: float = 0.3
    "Seconds of a quick call."
    slow: float = 60.0
    "Seconds of a slow one."
    share: float = 0.9
    "Share of the quick ones."

    def __post_init__(self) -> None:
        if not 0 <= self.quick <= self.slow < float("inf"):
            raise ValueError(f"quick and slow are seconds, slow the longer one, not {self.quick} and {self.slow}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is from 0 to 1, not {self.share}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return calls of one tool."""
        return np.zeros(count, np.int64), np.where(chance.random(count) < self.share, self.quick, self.slow)
