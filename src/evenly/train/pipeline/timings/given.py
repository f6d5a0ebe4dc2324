"""Times that somebody states."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.work import Work


@dataclass(frozen=True, slots=True)
class Given:
    """Times that somebody states, one for all stages or one for each.

    The output layer is added to the last stage, or dealt to the devices; the input layer takes no time.

    >>> from evenly.train.pipeline.work import Shape
    >>> work = Work(Shape(4, 8, 8, 8, 1), np.arange(2), np.array([2, 2]), "ends", np.full(2, 0.5), "a100-80gb")
    >>> Given(output=3.0).times(work).forward
    array([1., 2.])
    """

    forward: tuple[float, ...] = (1.0,)
    "Seconds of a forward pass."
    input: tuple[float, ...] = (1.0,)
    "Seconds of the gradient of the input."
    weight: tuple[float, ...] = (1.0,)
    "Seconds of the gradient of the weights."
    output: float = 0.0
    "Seconds of the output layer, all three products."
    hop: float = 0.0
    "Seconds from one device to the next."

    def __post_init__(self) -> None:
        for name in ("output", "hop"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is seconds, finite and not negative, not {getattr(self, name)}")

    def times(self, work: Work) -> Times:
        """Return the times by stage; raise `ValueError` for more or fewer times than stages."""
        stages = len(work.home)
        f, i, w = (_each(name, getattr(self, name), stages) for name in ("forward", "input", "weight"))
        product, none = self.output / 3, np.zeros(work.devices)
        if not work.sharded:
            for column in (f, i, w):
                column[-1] += product
            return Times(f, i, w, none, none, none, none, self.hop)
        first = 2 if work.placement == "one-barrier" else 1
        softmax, gradient = product * first * work.shares, product * (3 - first) * work.shares
        return Times(f, i, w, softmax, gradient, none, none, self.hop)


def _each(name: str, values: tuple[float, ...], stages: int) -> Floats:
    if len(values) not in (1, stages):
        raise ValueError(f"{name} has one value, or one for each of {stages} stages, not {len(values)}")
    return np.array(np.broadcast_to(np.array(values, np.float64), stages))
