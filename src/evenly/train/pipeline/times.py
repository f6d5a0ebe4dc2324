"""How long the passes of a pipeline take."""

from dataclasses import dataclass, fields

import numpy as np

from evenly.core import Floats
from evenly.train.pipeline.passes import LETTERS, SHARDED, Order


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Seconds of the passes of each stage, of each shard of the vocabulary, and of what is exchanged."""

    forward: Floats
    "By stage."
    input: Floats
    "Gradient of the input, by stage; a whole backward pass is this and the gradient of the weights."
    weight: Floats
    "Gradient of the weights, by stage."
    softmax: Floats
    "First pass of the output layer, by device."
    gradient: Floats
    "Second pass of the output layer, by device."
    embed: Floats
    "Forward pass of the input layer, by device."
    scatter: Floats
    "Backward pass of the input layer, by device."
    hop: float = 0.0
    "Activations of a micro-batch from one device to the next."
    broadcast: float = 0.0
    "The same from one device to all."
    meet: float = 0.0
    "Maximum, sum and logit of each token from all devices to all."
    reduce: float = 0.0
    "Gradients of a micro-batch from all devices, summed."

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = np.asarray(getattr(self, entry.name))
            if not np.isfinite(value).all() or (value < 0).any():
                raise ValueError(f"{entry.name} is seconds, finite and not negative, not {value.tolist()}")

    @property
    def backward(self) -> Floats:
        """Return the seconds of a whole backward pass, by stage."""
        return self.input + self.weight

    def means(self) -> tuple[float, float, float]:
        """Return the mean seconds of forward and backward passes by stage, and of both output passes by device."""
        return float(self.forward.mean()), float(self.backward.mean()), float((self.softmax + self.gradient).mean())

    def of(self, order: Order) -> Floats:
        """Return the seconds of each pass of an order."""
        width = max(len(self.forward), len(self.softmax))
        table = np.zeros((len(LETTERS), width))
        stages = (self.forward, self.backward, self.input, self.weight)
        for kind, column in enumerate(stages):
            table[kind, : len(column)] = column
        for kind, column in zip(SHARDED, (self.softmax, self.gradient, self.embed, self.scatter), strict=True):
            table[kind, : len(column)] = column
        return np.asarray(table[order.kind, order.stage])
