"""What the devices of a stage exchange in a layer."""

from dataclasses import dataclass
from typing import Literal

from evenly.hardware.collectives import Kind
from evenly.hardware.model import Model
from evenly.plan.layout import Layout

CAPACITY = 1.0  # room of an expert over its even share of the tokens, the published default
Gathers = Literal["engine", "published"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One collective of a layer."""

    kind: Kind
    devices: int
    "Devices that take part."
    share: float
    "Its message in activations of all tokens of the microbatch: 1 / 4 where four copies have a quarter each."
    own: bool
    "Whether a rank of the attention does it for its own tokens, before all ranks compute together."

    def moved(self, tokens: int, model: Model) -> float:
        """Return the bytes that all devices of one such group send for a microbatch of `tokens`, as a ring does.

        >>> from evenly.hardware.model import model
        >>> Exchange("all-reduce", 8, 1.0, True).moved(1, model("llama-3-70b"))
        229376.0
        """
        message = tokens * self.share * model.hidden * 2.0
        rounds = {"all-reduce": 2.0 * (self.devices - 1), "send": 1.0}.get(self.kind, self.devices - 1.0)
        return rounds * message


def exchanges(layout: Layout, model: Model, gathers: Gathers = "published") -> list[Exchange]:
    """Return the collectives of one layer, from attention to the feed-forward network and back.

    `gathers` says how a gated network ends: `published` with the all-reduce and the gather that the public code counts;
    `engine` as vLLM and SGLang cut it, its two input matrices by columns, so that nothing is exchanged inside.
    """
    sends = layout.tensor // layout.attention
    works = layout.tensor // layout.network
    if layout.experts == "expert":
        there, back = _experts(layout, model, sends, works)
    else:
        there = _between(sends, layout.attention, layout.network, own=True)
        back = _between(works, layout.network, layout.attention, own=False)
        if gathers == "published" and model.matrices == 3 and not model.experts:
            back = _gated(works, layout.network, layout.attention)
    alone = layout.attention == 1  # one rank, so everything is its own
    return [
        Exchange(part.kind, part.devices, part.share, alone or part.own) for part in (*there, *back) if part.devices > 1
    ]


def _between(n: int, senders: int, receivers: int, own: bool) -> list[Exchange]:
    """Return what follows a cell of `senders` copies on `n` devices each, before one of `receivers` copies."""
    if senders == receivers:
        return [Exchange("all-reduce", n, 1.0 / senders, own)]
    gathered = Exchange("all-gather", n * senders // receivers, 1.0 / receivers, own=False)
    return [Exchange("reduce-scatter", n, 1.0 / senders, own), gathered]


def _gated(n: int, senders: int, receivers: int) -> list[Exchange]:
    first = Exchange("all-reduce", n, 1.0 / senders, own=False)
    gathered = Exchange("all-gather", n * senders // receivers, 1.0 / receivers, own=False)
    if receivers > senders:
        return [first, Exchange("all-to-all", n, 1.0 / senders, own=False), gathered]
    return [first, gathered]


def _experts(layout: Layout, model: Model, sends: int, works: int) -> tuple[list[Exchange], list[Exchange]]:
    """Return what goes to whole experts and back: every token travels once for each expert that it visits."""
    factor = min(model.active * CAPACITY, float(works)) / layout.network
    there = [
        Exchange("reduce-scatter", sends, 1.0 / layout.attention, own=True),
        Exchange("all-to-all", works, factor, own=False),
    ]
    back = [
        Exchange("all-to-all", works, factor, own=False),
        Exchange("all-gather", sends, 1.0 / layout.attention, own=False),
    ]
    return there, back
