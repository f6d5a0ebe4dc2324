"""Keep until the next turn comes."""

import math
from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Forever:
    """Keep the blocks of a paused program until its next turn has its seat, however long its tool takes.

    Nothing is ever computed twice while memory lasts. Long pauses strand memory that running requests could use; when
    nothing else can go on, the program that paused last gives its blocks back.
    """

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return a time that never ends."""
        return math.inf
