"""Belady."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Belady:
    """Whoever is asked for again last leaves first: no cache that knows less does better.

    An upper bound, for it looks at passes to come.

    Reference: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966.
    """

    moves: ClassVar[bool] = True
    by_layers: ClassVar[bool] = False

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Return the pass of the next request, the farthest lowest."""
        return -float(following)
