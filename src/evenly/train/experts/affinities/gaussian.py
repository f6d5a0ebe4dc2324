"""Gaussian."""

from dataclasses import dataclass

from evenly.core import Floats
from evenly.train.experts.affinities import Shape
from evenly.train.experts.affinities._law import router, scores


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Normal features and weights, and offsets that make some experts popular.

    Scores are sigmoid(x W + spread b): x standard normal, W such that x W has variance 1, b standard normal by expert.
    With 6 of 64 experts and a spread of 1 the largest load is some 7.6 times the mean.
    """

    spread: float = 1.0
    "Standard deviation of the offsets of the experts; 0 is even from the start."
    inputs: int = 16
    "Features of a token."
    fixed: bool = False
    "Whether every step has the same tokens."

    def __post_init__(self) -> None:
        if not 0.0 <= self.spread < 1e3:
            raise ValueError(f"spread is a standard deviation, at least 0, not {self.spread}")
        if not 1 <= self.inputs <= 4096:
            raise ValueError(f"inputs is 1 to 4096 features, not {self.inputs}")

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return the scores of fresh tokens, or of those of the first step."""
        weights, offsets = router(shape.experts, self.inputs, layer, seed)
        return scores(shape, weights, self.spread * offsets, layer, 0 if self.fixed else step, seed)
