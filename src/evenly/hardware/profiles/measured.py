"""The common shape of measured kernel profiles."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A measured function of one variable: straight between the points, the last slope beyond them."""

    x: Floats
    y: Floats

    def __call__(self, at: float) -> float:
        """Return the value at `at`; below the first point, the first value.

        >>> curve = Curve(np.array([1.0, 2.0]), np.array([10.0, 30.0]))
        >>> curve(0.0), curve(1.5), curve(3.0)
        (10.0, 20.0, 50.0)
        """
        if at <= self.x[0] or len(self.x) == 1:
            return float(self.y[0])
        k = min(int(np.searchsorted(self.x, at)), len(self.x) - 1)
        slope = (self.y[k] - self.y[k - 1]) / (self.x[k] - self.x[k - 1])
        return float(self.y[k - 1] + slope * (at - self.x[k - 1]))

    def at(self, many: Floats) -> Floats:
        """Return the values at many places.

        >>> Curve(np.array([1.0, 2.0]), np.array([10.0, 30.0])).at(np.array([0.0, 1.5, 3.0]))
        array([10., 20., 50.])
        """
        found: Floats = np.interp(many, self.x, self.y)
        if len(self.x) > 1:
            slope = (self.y[-1] - self.y[-2]) / (self.x[-1] - self.x[-2])
            found += slope * np.maximum(0.0, many - self.x[-1])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Seconds of one layer's attention.

    Axes: C prompt tokens of the pass, H tokens that those prompts already hold, N decodes, D context of a decode.
    """

    axes: tuple[Floats, Floats, Floats, Floats]
    values: Array
    "Shape [C, H, N, D]."


@dataclass(frozen=True, slots=True, eq=False)
class Skew:
    """How far a batch of uneven contexts is on the way from its mean to its longest context, by bucket.

    The buckets are those of prompt tokens, decodes, mean over longest, longest, and history. An edge is the largest
    value of its bucket; one more bucket follows the last edge. Prompt tokens must equal an edge, all others are in
    the bucket after the last: that is how the tables are meant that LLMServingSim publishes.
    """

    edges: tuple[Floats, Floats, Floats, Floats, Floats]
    share: Array


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Everything that a pass needs, for one device's part of a model."""

    layer: Curve
    "Seconds of a layer without attention, experts and collectives, by tokens."
    once: Curve
    "Seconds of embedding and final norm, by tokens."
    head: Curve
    "Seconds of output head and sampling, by sequences."
    attention: Grid
    experts: Curve | None = None
    "Seconds of a layer's experts, by tokens that reach them from all ranks."
    reduce: Curve | None = None
    "Seconds of one all-reduce among the devices of a layer, by bytes."
    skew: Skew | None = None


def total(curves: list[Curve]) -> Curve:
    """Return the sum of curves on the union of their points.

    >>> total([Curve(np.array([1.0, 3.0]), np.array([1.0, 3.0])), Curve(np.array([2.0]), np.array([5.0]))]).y
    array([6., 7., 8.])
    """
    points = np.unique(np.concatenate([curve.x for curve in curves]))
    return Curve(points, np.sum([curve.at(points) for curve in curves], axis=0))


def rising(values: Array) -> Array:
    """Return `values` lifted where they fall along any axis.

    Noise of a measurement must not make a larger pass faster than a smaller one.

    >>> rising(np.array([1.0, 3.0, 2.0]))
    array([1., 3., 3.])
    """
    for axis in range(values.ndim):
        values = np.maximum.accumulate(values, axis=axis)
    return values
