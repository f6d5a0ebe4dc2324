"""Whole layers."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class WholeLayers:
    """The experts of the first layers are all on the device, those of the others never.

    As llama.cpp splits a model. Each layer is as fast as one side alone.
    """

    moves: ClassVar[bool] = False
    by_layers: ClassVar[bool] = True

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Keep the share of the calibration run."""
        return value
