"""Fixed."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Fixed:
    """The experts that a calibration run asks for most stay, whatever comes.

    As in kTransformers. Wins where the same experts stay popular.
    """

    moves: ClassVar[bool] = False
    by_layers: ClassVar[bool] = False

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Keep the share of the calibration run."""
        return value
