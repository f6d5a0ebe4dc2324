"""What a step of an encoder costs by the tokens that it computes and the lengths that its attention sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a forward and backward pass.

    In a layer a token costs `24 hidden^2` operations in the matrices, a sequence that is computed at a length `R`
    `4 R^2 hidden` in attention, forward; these are the seconds of both in all layers.
    """

    token: float
    square: float
    "Of one squared token."
    call: float = 0.0
    "Of one more group of attention."
    fixed: float = 0.0
    "Of the head and the rest."

    def seconds(self, tokens: int, rounded: Ints) -> float:
        """Return the seconds of `tokens` in all and of sequences computed at the lengths `rounded`."""
        squares = float((rounded.astype(float) ** 2).sum())
        return self.fixed + self.token * tokens + self.square * squares + self.call * len(np.unique(rounded))


def fitted(tokens: Sequence[int], rounded: Sequence[Ints], seconds: Sequence[float]) -> Costs:
    """Return the costs that explain measured steps, by least squares of the relative errors, none of them negative."""
    from scipy.optimize import nnls

    rows = [
        [count, float((lengths.astype(float) ** 2).sum()), len(np.unique(lengths)), 1.0]
        for count, lengths in zip(tokens, rounded, strict=True)
    ]
    weights = 1.0 / np.array(seconds)
    found, _ = nnls(np.array(rows) * weights[:, None], np.ones(len(rows)))
    return Costs(*map(float, found))
