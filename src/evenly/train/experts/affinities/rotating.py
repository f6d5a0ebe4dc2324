"""Rotating."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.experts.affinities import Shape
from evenly.train.experts.affinities._law import router, scores


@dataclass(frozen=True, slots=True)
class Rotating:
    """As gaussian, but router and popularity turn by a small angle at every step.

    Weights and offsets go from one draw towards another and back, on a circle. As tokens look alike in all directions,
    turning the weights alone would change no load.
    """

    angle: float = 0.002
    "Radians that a step turns by."
    spread: float = 1.0
    "Standard deviation of the offsets of the experts."
    inputs: int = 16
    "Features of a token."

    def __post_init__(self) -> None:
        if not 0.0 <= self.angle <= np.pi:
            raise ValueError(f"angle is 0 to pi radians a step, not {self.angle}")
        if not 0.0 <= self.spread < 1e3:
            raise ValueError(f"spread is a standard deviation, at least 0, not {self.spread}")
        if not 1 <= self.inputs <= 4096:
            raise ValueError(f"inputs is 1 to 4096 features, not {self.inputs}")

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return the scores of fresh tokens under the router as it stands at this step."""
        along, across = np.cos(self.angle * step), np.sin(self.angle * step)
        first, other = (router(shape.experts, self.inputs, layer, seed, turn) for turn in (0, 1))
        weights, offsets = (along * one + across * two for one, two in zip(first, other, strict=True))
        return scores(shape, weights, self.spread * offsets, layer, step, seed)
