"""What a pipeline computes in one step: the layers of each stage, and the shapes of a transformer."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.balance.filling import filled
from evenly.core import Floats, Ints
from evenly.train.pipeline.job import BARRIERS, Placement
from evenly.train.pipeline.times import Times


@dataclass(frozen=True, slots=True)
class Shape:
    """A transformer and a micro-batch: as many heads of keys as of queries, a feed-forward network four times as wide.

    Floating-point operations are those of matrix products, a multiplication and an addition each. Of one layer and
    micro-batch with b sequences of s tokens and width h: (24h + 4s) b s h forward, as many and 4 b s² h more for the
    gradient of the input, and 24 b s h² for that of the weights; of the output layer 2 b s h V for each of the three.

    Reference: P. Qi et al., "Zero bubble pipeline parallelism", 2024, table 1; M. T. Yeung et al., 2024, table 1.
    """

    layers: int
    hidden: int
    sequence: int
    vocabulary: int
    batch: int

    @property
    def tokens(self) -> int:
        """Return the tokens of a micro-batch."""
        return self.batch * self.sequence

    @property
    def forward(self) -> float:
        """Return the operations of a forward pass of a layer."""
        return self.tokens * self.hidden * (24.0 * self.hidden + 4.0 * self.sequence)

    @property
    def input(self) -> float:
        """Return the operations of the gradient of the input of a layer."""
        return self.tokens * self.hidden * (24.0 * self.hidden + 8.0 * self.sequence)

    @property
    def weight(self) -> float:
        """Return the operations of the gradient of the weights of a layer."""
        return 24.0 * self.tokens * self.hidden**2

    @property
    def product(self) -> float:
        """Return the operations of one of the three products of the output layer."""
        return 2.0 * self.tokens * self.hidden * self.vocabulary

    @property
    def layer(self) -> float:
        """Return the operations of a layer, forward and backward: (72h + 12s) b s h."""
        return self.forward + self.input + self.weight

    @property
    def head(self) -> float:
        """Return the operations of the output layer over those of a layer, forward and backward.

        >>> round(Shape(layers=32, hidden=3072, sequence=2048, vocabulary=256_000, batch=1).head, 2)
        6.25
        """
        return 3.0 * self.product / self.layer

    @property
    def operations(self) -> float:
        """Return the operations of a micro-batch."""
        return self.layers * self.layer + 3.0 * self.product

    @property
    def layer_weights(self) -> float:
        """Return the weights of a layer."""
        return 12.0 * self.hidden**2

    @property
    def table_weights(self) -> float:
        """Return the weights of the input or the output layer."""
        return float(self.vocabulary) * self.hidden


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Shapes, the layers of each stage, where stages and vocabulary lie, and on which device."""

    shape: Shape
    home: Ints
    "Device of each stage."
    layers: Ints
    "Layers of each stage."
    placement: Placement
    shares: Floats
    "Part of the vocabulary of each device, where it is sharded; 1 in all."
    device: str
    "Name of an accelerator."

    @property
    def devices(self) -> int:
        """Return the number of devices."""
        return int(self.home.max()) + 1

    @property
    def sharded(self) -> bool:
        """Tell whether every device has a part of the vocabulary."""
        return BARRIERS[self.placement] > 0


def levelled(work: Work, times: Times) -> Work:
    """Return the work with a vocabulary dealt so that all devices compute alike, as far as their layers allow.

    `times` are those of the work as it is, proportional to the share of each device.
    """
    stages = np.bincount(work.home, times.forward + times.backward, work.devices)
    amount = float((times.softmax + times.gradient + times.scatter).sum())
    return replace(work, shares=filled(stages + times.embed, amount) / amount) if amount else work


def layers(shape: Shape, stages: int, placement: Placement) -> Ints:
    """Return the layers of each stage.

    Redistributed, layers move so that the operations of the longest stage are fewest, the output layer's included: each
    goes to the stage with least to do, of equals to the last. Else they are dealt evenly.

    >>> shape = Shape(layers=32, hidden=3072, sequence=2048, vocabulary=256_000, batch=1)
    >>> layers(shape, 8, "redistributed"), layers(shape, 8, "ends")
    (array([4, 4, 4, 5, 5, 5, 5, 0]), array([4, 4, 4, 4, 4, 4, 4, 4]))
    """
    if placement != "redistributed":
        return np.array([len(part) for part in np.array_split(np.arange(shape.layers), stages)], np.int64)
    load = np.zeros(stages)
    load[-1] = shape.head
    found = np.zeros(stages, np.int64)
    for _ in range(shape.layers):
        stage = stages - 1 - int(load[::-1].argmin())
        load[stage] += 1.0
        found[stage] += 1
    return found
