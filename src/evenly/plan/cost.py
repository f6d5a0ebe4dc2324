"""The length of a pass of one microbatch on one stage, by layout."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from evenly.core import Floats
from evenly.hardware.collectives import collective
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve, total
from evenly.plan.layout import Layout
from evenly.plan.reshard import Exchange, Gathers, exchanges

Role = Literal["layer", "head", "collective"]
ROOFLINE = "roofline"
"Where seconds come from that nobody measured."
WIDTH = 2.0  # bytes of an activation, whatever the weights have
# Work of the busiest device over the mean, by devices with whole experts: kernels measured at 16,384 tokens that are
# routed by a power law of exponent 1.2, AIConfigurator's tables of H100; straight lines between.
SKEW = {1: 1.0, 2: 1.24, 4: 1.47, 8: 1.87, 16: 2.09, 32: 2.26, 64: 2.56}


@dataclass(frozen=True, slots=True)
class Passes:
    """What a pass takes beside its arithmetic and its bytes: four figures, each named, and how gated networks gather.

    The defaults are those of a prototype that met 14 measured cells of Llama 3.1 70B on 8 x H100 with 2.8%
    mean error; fitted to one half of our cells, they come out alike.
    """

    compute: float = 0.65
    "Share of the peak arithmetic rate that large matrix products reach."
    memory: float = 0.80
    "Share of the peak memory bandwidth that is reached; also AIConfigurator's own correction for H100."
    host: float = 0.004
    "Seconds of host work in each pass of a microbatch, during which its devices wait."
    first_token: float = 0.015
    "Seconds of a request outside the engine: connection, tokenizer, first answer."
    gathers: Gathers | None = None
    """How a gated network ends: `published` with one more gather a layer, as the public code of APEX counts, which
    stands for the small kernels that a roofline leaves out; `engine` without, as engines cut it. By default that of
    the kernels: a roofline's `published`, measured ones' `engine`, since they have the small kernels."""
    routing: Literal["even", "power-law"] = "even"
    "How tokens choose experts: evenly, or so that devices with whole experts wait for the one with the favourites."

    def __post_init__(self) -> None:
        if not (0 < self.compute <= 1 and 0 < self.memory <= 1):
            raise ValueError(f"compute and memory are shares above 0 and at most 1, not {self.compute}, {self.memory}")
        for name in ("host", "first_token"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")

    def facts(self) -> dict[str, str | int | float]:
        """Return the assumed figures."""
        return {
            "compute share": self.compute,
            "memory share": self.memory,
            "host seconds of a pass": self.host,
            "seconds of a request outside the engine": self.first_token,
            "routing": self.routing,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Kernels of one kind in a pass on the busiest stage, and where their seconds come from."""

    role: Role
    source: str
    curve: Curve
    "Seconds by tokens of the pass, for the head by sequences."


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Numbers of a pass: of a rank by its own tokens, and of all ranks by the tokens of a microbatch."""

    own: Floats
    shared: Floats
    "Empty where a microbatch has one rank."
    reader: Any = field(default_factory=Roofline)
    "What has the static method `seconds` that reads them."
    plain: "Tables | None" = None
    "Of measured kernels, what the roofline says of the same pass."
    kernels: tuple[Kernel, ...] = ()
    "What the measured numbers of a rank are the sum of, attention left out."
    together: tuple[Kernel, ...] = ()
    "What those of all ranks are the sum of."
    attention: str = ROOFLINE
    "Where the seconds of attention come from."


@dataclass(frozen=True, slots=True)
class Work:
    """What one cell asks of each of its devices, in a stage; `Roofline` reads the same figures."""

    flops: float = 0.0
    "Operations of a token."
    weights: float = 0.0
    "Bytes of weights that every pass reads."
    experts: float = 0.0
    "Bytes of experts, read as far as tokens visit them."
    missed: float = 1.0
    "Chance that a token leaves an expert alone."
    kv: float = 0.0
    "Bytes of a token of context."
    pairs: float = 0.0
    "Operations of a pair of tokens in attention."

    def beside(self, network: "Work") -> "Work":
        """Return the work of an attention and of a network without context of its own on the same devices."""
        flops, weights = self.flops + network.flops, self.weights + network.weights
        return Work(flops, weights, network.experts, network.missed, self.kv, self.pairs)


def tables(passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Tables:
    """Return the numbers of a pass on the busiest stage.

    That is the last one, which has the output head, unless others have more layers: then each figure is the largest of
    both, which is at most what the slower of them takes and what they differ in.
    """
    depths = layout.depths(model.layers)
    layers = max(depths)
    stages = [(depths[-1], True)] if depths[-1] == layers else [(layers, False), (depths[-1], True)]
    works = [(attention_work(model, layout, n), _network(model, layout, n, passes.routing, head)) for n, head in stages]
    parts = exchanges(layout, model, passes.gathers or "published")
    send = _send(model, device, node, layout)
    if layout.attention == 1:
        whole = _slowest([attention.beside(network) for attention, network in works])
        curves = [*_curves(parts, True, 1.0, model, device, node, layers), *send]
        return Tables(_flat(whole, curves, passes, model, device, passes.host), np.zeros(0))
    own, network = (_slowest(both) for both in zip(*works, strict=True))
    mine = [*_curves(parts, True, layout.attention, model, device, node, layers), *send]
    ours = _curves(parts, False, 1.0, model, device, node, layers)
    return Tables(_flat(own, mine, passes, model, device, passes.host), _flat(network, ours, passes, model, device))


def weight_bytes(model: Model, layout: Layout) -> float:
    """Return the bytes of weights on the device that has most of them.

    >>> from evenly.hardware.model import model
    >>> round(weight_bytes(model("llama-3-70b"), Layout(tensor=8)) / 1e9, 1)
    17.6
    """
    return max(weights for weights, _ in stage_bytes(model, layout))


def stage_bytes(model: Model, layout: Layout) -> list[tuple[float, float]]:
    """Return, for each stage, the bytes of weights and of one token's keys and values on each of its devices.

    The first stage has the embedding and the last one the head; a stage that has both keeps tied ones once.
    """
    found = []
    for stage, layers in enumerate(layout.depths(model.layers)):
        first, last = stage == 0, stage == layout.stages - 1
        attention, network = attention_work(model, layout, layers), _network(model, layout, layers, "even", last)
        embedding = _head(model, layout) if first and not (last and model.tied) else 0.0
        found.append((attention.weights + network.weights + network.experts + embedding, attention.kv))
    return found


def kv_bytes(model: Model, layout: Layout) -> float:
    """Return the bytes of keys and values of one token on each device of its rank, in the stage of most layers.

    >>> from evenly.hardware.model import model
    >>> kv_bytes(model("llama-3-70b"), Layout(stages=2, tensor=4))
    40960.0
    """
    return max(kv for _, kv in stage_bytes(model, layout))


def attention_work(model: Model, layout: Layout, layers: int) -> Work:
    """Return the attention of a stage on one of its devices; a head of keys that is not cut is there more than once."""
    n = layout.tensor // layout.attention
    parameters = model.attention_parameters / n
    if not model.latent and model.kv_heads < n:
        parameters += 2.0 * model.hidden * model.head_dim * (1.0 - model.kv_heads / n)
    key = model.head_dim + model.rope
    return Work(
        flops=2.0 * layers * parameters,
        weights=layers * parameters * model.bytes,
        kv=model.kv_bytes_on(n) * layers / model.layers,
        pairs=2.0 * layers * model.heads / n * (key + (model.value_dim or model.head_dim)),
    )


def _network(model: Model, layout: Layout, layers: int, routing: str, head: bool) -> Work:
    """Return the feed-forward network of a stage, and the output head if it has it, on one of its devices.

    Each copy has its share of the tokens, so the arithmetic is spread over all devices whatever their number.
    """
    works = layout.tensor // layout.network
    sparse = 1.0 - model.dense_layers / model.layers
    experts = sparse * model.experts * model.expert_parameters
    active = sparse * model.active * model.expert_parameters
    every = model.layer_parameters - model.attention_parameters - experts
    return Work(
        flops=2.0 * layers * (every + active * busiest(layout, routing)) / layout.tensor,
        weights=layers * every * model.bytes / works + (_head(model, layout) if head else 0.0),
        experts=layers * experts * model.bytes / works,
        missed=(1.0 - model.active / model.experts) ** (1.0 / layout.network) if model.experts else 1.0,
    )


def busiest(layout: Layout, routing: str) -> float:
    """Return the arithmetic of experts on the busiest device over the mean.

    >>> busiest(Layout(tensor=4, experts="expert"), "power-law"), busiest(Layout(tensor=4), "power-law")
    (1.47, 1.0)
    """
    if layout.experts == "tensor" or routing == "even":
        return 1.0
    return float(np.interp(layout.tensor // layout.network, list(SKEW), list(SKEW.values())))


def _head(model: Model, layout: Layout) -> float:
    return model.vocabulary * model.hidden * float(model.bytes) / layout.tensor


def _slowest(stages: Sequence[Work]) -> Work:
    """Return the largest of each figure of some stages."""
    return Work(*(max(getattr(work, name) for work in stages) for name in Work.__slots__))


def _flat(work: Work, curves: list[Curve], passes: Passes, model: Model, device: Device, host: float = 0.0) -> Floats:
    """Return work as seconds, in the order in which `Roofline.seconds` reads them, then collectives by tokens."""
    flops, half = device.rate(model.bytes) * passes.compute, device.flops * passes.compute
    bandwidth = device.bandwidth * passes.memory
    figures = [
        host,
        work.flops / flops,
        work.weights / bandwidth,
        work.experts / bandwidth,
        work.missed,
        work.kv / bandwidth,
        work.pairs / half,
    ]
    if not curves:
        return np.array([*figures, 0.0])
    curve = total(curves)
    if len(curve.x) == 1:  # a straight line needs two points
        curve = Curve(np.append(curve.x, 2 * curve.x), np.append(curve.y, curve.y))
    return np.array([*figures, float(len(curve.x)), *curve.x, *curve.y])


def _curves(
    parts: list[Exchange], own: bool, ranks: float, model: Model, device: Device, node: int, layers: int
) -> list[Curve]:
    """Return seconds of the collectives of all layers by tokens, those of one rank or those of all together."""
    found = []
    for part in parts:
        if part.own == own:
            curve = collective(part.kind, device, part.devices, node)
            found.append(Curve(curve.x / (model.hidden * WIDTH * part.share * ranks), layers * curve.y))
    return found


def _send(model: Model, device: Device, node: int, layout: Layout) -> list[Curve]:
    """Return seconds of handing the activations to the next stage, by tokens; over the network if any stage does."""
    if layout.stages == 1:
        return []
    far = layout.stages * layout.tensor > node
    curve = collective("send", device, 2 * node if far else 2, node)
    return [Curve(curve.x / (model.hidden * WIDTH), curve.y)]


seconds = Roofline.seconds
