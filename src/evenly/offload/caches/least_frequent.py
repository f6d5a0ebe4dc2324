"""Least frequent."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class LeastFrequent:
    """The expert that was asked for in the fewest passes leaves first: LFU.

    Wins where some experts are popular throughout.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Count the passes that ask."""
        return value + (1.0 if load > 0 else 0.0)
