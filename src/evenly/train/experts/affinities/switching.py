"""Switching."""

from dataclasses import dataclass

from evenly.core import Floats
from evenly.train.experts.affinities import Shape
from evenly.train.experts.affinities._law import router, scores


@dataclass(frozen=True, slots=True)
class Switching:
    """As gaussian, but at one step the experts change popularity, as where the data change."""

    at: int = 500
    "First step with the other popularity."
    spread: float = 1.0
    "Standard deviation of the offsets of the experts."
    inputs: int = 16
    "Features of a token."

    def __post_init__(self) -> None:
        if self.at < 0:
            raise ValueError(f"at is a step from 0, not {self.at}")
        if not 0.0 <= self.spread < 1e3:
            raise ValueError(f"spread is a standard deviation, at least 0, not {self.spread}")
        if not 1 <= self.inputs <= 4096:
            raise ValueError(f"inputs is 1 to 4096 features, not {self.inputs}")

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return the scores of fresh tokens."""
        weights, offsets = router(shape.experts, self.inputs, layer, seed)
        if step >= self.at:
            offsets = router(shape.experts, self.inputs, layer, seed, turn=1)[1]
        return scores(shape, weights, self.spread * offsets, layer, step, seed)
