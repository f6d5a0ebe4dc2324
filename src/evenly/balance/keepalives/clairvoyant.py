"""A keep-alive that knows the future."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Clairvoyant:
    """Keep a free pod if and only if a call comes for it before its wait costs more than a cold start.

    The pod that was freed last serves first, so that each wait can be judged by itself. No keep-alive costs less in
    waits and cold starts, as long as a cold start does not move the ends of calls; a pod that nobody calls again waits
    for no time at all. That holds for one call on a pod; with several it is a good keep-alive and no bound. A
    yardstick: nobody can run it.
    """

    foresees: ClassVar[bool] = True

    seconds: float = 60.0
    "Seconds of an idle pod that a cold start is worth."

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds is at least 0 and finite, not {self.seconds}")

    @staticmethod
    def keep(now: float, function: int, served: int, functions: Array, gaps: Floats, memory: Floats) -> float:
        """Return the longest wait that is worth it."""
        return float(memory[0])
