"""Pools of one size."""

from dataclasses import dataclass

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Constant:
    """Hold the same number of idle pods of every size at all times."""

    pods: int = 2
    "Idle pods of each size."

    def __post_init__(self) -> None:
        if not 0 <= self.pods < 1_000_000:
            raise ValueError(f"pods is 0 to 999,999, not {self.pods}")

    @staticmethod
    def size(now: float, pool: int, window: int, demand: Ints, memory: Floats) -> int:
        """Return the number."""
        return int(memory[0])
