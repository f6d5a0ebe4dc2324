"""Decayed frequent."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class DecayedFrequent:
    """As least-frequent, but what is past counts less with every pass.

    Between least-recent and least-frequent: decay 0 is the one, 1 the other.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    decay: float = 0.9
    "By which a count shrinks from pass to pass."

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay <= 1.0:
            raise ValueError(f"decay is 0 to 1, not {self.decay}")

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Shrink the count, and add one if the expert is asked for."""
        return float(memory[0] * value + (1.0 if load > 0 else 0.0))
