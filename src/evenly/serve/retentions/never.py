"""Keep nothing."""

from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class Never:
    """Let the blocks of a finished request join the unused ones at once, as engines do.

    They may still be found again until somebody needs the memory: the block that was left longest goes first.
    """

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return 0."""
        return 0.0
