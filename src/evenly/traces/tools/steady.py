"""One tool that always takes the same time."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Steady:
    """Call one tool that always takes the same time."""

    seconds: float = 1.0
    "Seconds of a call."

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds is at least 0, not {self.seconds}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return the same call `count` times."""
        return np.zeros(count, np.int64), np.full(count, self.seconds)
