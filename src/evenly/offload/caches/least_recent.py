"""Least recent."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class LeastRecent:
    """The expert that was not asked for the longest leaves first: LRU.

    Wins where tokens in a row visit the same experts.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Return the number of the pass that asked last."""
        return float(now) if load > 0 else value
