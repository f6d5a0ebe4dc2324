"""Nothing."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Nothing:
    """The link brings nothing ahead of time."""

    reach: ClassVar[int] = 0
    patient: ClassVar[bool] = False

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        """Return 0."""
        return 0.0
