"""A layout: how the devices of a cluster divide a model."""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True, order=True)
class Layout:
    """Copies of a model, each cut into stages of equal devices, each stage into cells that may be copied once more.

    >>> Layout(replicas=2, tensor=4).title, Layout(replicas=2, tensor=4).devices
    ('2DPx4TP', 8)
    """

    replicas: int = 1
    "Copies of the model, each with its own requests."
    stages: int = 1
    "Pipeline stages of a copy: as many microbatches are under way."
    tensor: int = 1
    "Devices of a stage."
    attention: int = 1
    "Copies of the attention in a stage: each has its own requests, KV cache and share of the stage's devices."
    network: int = 1
    "Copies of the feed-forward network in a stage, each with a share of its devices and of the tokens."
    experts: Literal["tensor", "expert"] = "tensor"
    "Whether each device has a slice of every expert, or whole experts."
    layers: tuple[int, ...] = ()
    "Layers of each stage; by default as equal as can be."

    def __post_init__(self) -> None:
        for name in ("replicas", "stages", "tensor", "attention", "network"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if self.tensor % self.attention or self.tensor % self.network:
            raise ValueError(
                f"attention and network divide the {self.tensor} devices of a stage (tensor), not {self.attention} "
                f"and {self.network}"
            )
        if self.layers and (len(self.layers) != self.stages or min(self.layers) < 1):
            raise ValueError(f"layers is a number above 0 for each of {self.stages} stages, not {self.layers}")
        if self.attention > 1 and self.network > 1:
            raise ValueError(
                f"attention ({self.attention}) or network ({self.network}) is 1: what both of them copy is another "
                "replica or an uneven exchange"
            )

    @property
    def devices(self) -> int:
        """Return the devices of the whole layout."""
        return self.replicas * self.stages * self.tensor

    @property
    def members(self) -> int:
        """Return the engines with a queue of their own: microbatches and ranks of all copies of the model."""
        return self.replicas * self.stages * self.attention

    def depths(self, layers: int) -> tuple[int, ...]:
        """Return the layers of each stage of a model of `layers` layers.

        What is left of an equal division goes to the last stages but one, as vLLM deals it.

        >>> Layout(stages=4).depths(30)
        (7, 8, 8, 7)
        """
        if self.layers:
            return self.layers
        each, left = divmod(layers, self.stages)
        return tuple(each + (self.stages - 1 - left <= k < self.stages - 1) for k in range(self.stages))

    @property
    def title(self) -> str:
        """Return the layout as people write it.

        >>> Layout(2, 2, 8, attention=4).title, Layout(stages=4, layers=(9, 9, 8, 6)).title
        ('2DPx2PPx8TP, attention 4DPx2TP', '4PP, layers 2x9+8+6')
        """
        parts = [(self.replicas, "DP"), (self.stages, "PP"), (self.tensor, "TP")]
        text = "x".join(f"{count}{what}" for count, what in parts if count > 1) or "1 device"
        for name, copies in (("attention", self.attention), ("network", self.network)):
            if copies > 1:
                width = self.tensor // copies
                text += f", {name} {copies}DP" + (f"x{width}TP" if width > 1 else "")
        if self.layers:
            runs = [(len(list(run)), depth) for depth, run in groupby(self.layers)]
            text += f", layers {'+'.join(f'{count}x{depth}' if count > 1 else f'{depth}' for count, depth in runs)}"
        return text + (", experts whole" if self.experts == "expert" else "")


def fault(layout: Layout, model: Model, node: int) -> str:
    """Return why a model cannot be cut like this on machines of `node` devices; empty if it can.

    >>> from evenly.hardware.model import model
    >>> fault(Layout(tensor=12), model("llama-3-70b"), 8)
    '12 devices of a stage neither divide nor fill machines of 8'
    """
    width = layout.tensor
    if (width <= node and node % width) or (width > node and width % node):
        return f"{width} devices of a stage neither divide nor fill machines of {node}"
    if layout.stages > model.layers:
        return f"{layout.stages} stages for {model.layers} layers"
    if layout.layers and sum(layout.layers) != model.layers:
        return f"layers sum to {sum(layout.layers)}, and the model has {model.layers}"
    heads = width // layout.attention
    if model.heads % heads or (model.kv_heads % heads and heads % model.kv_heads):
        return f"{heads} devices do not divide {model.heads} heads with {model.kv_heads} of keys and values"
    if layout.experts == "expert" and (not model.experts or model.experts % (width // layout.network)):
        return f"{width // layout.network} devices do not divide {model.experts} experts"
    if layout.experts == "expert" and width == layout.network:
        return "a device alone has all experts either way"
    if model.intermediate % (width // layout.network) and layout.experts == "tensor":
        return f"{width // layout.network} devices do not divide a network {model.intermediate} wide"
    return ""
