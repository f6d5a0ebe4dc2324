"""Operations that run side by side."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.overlap.cache import kept
from evenly.hardware.overlap.graph import CHUNK, Graph, graph, whole
from evenly.hardware.overlap.interference import TABLES
from evenly.hardware.overlap.profile import KV_BANDWIDTH, Profile, profile
from evenly.hardware.overlap.search import fitted, search

TOKENS = (1, 128, 256, 512, 1024, 1536, 2048)  # of a pass, at which layers are timed
# Seconds of decode attention at which layers are timed, as parts of those of all else in the largest pass.
MEMORY = (0.0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 1.0, 2.0)
SEEDS = (0, 1, 2, 3)  # of the searches
MOVES = 4000
NOTHING = 1e-12  # seconds of decode attention where there is none


@dataclass(frozen=True, slots=True)
class Nanoflow:
    """Split a pass into nano-batches whose matrix products, decode attention and collectives run side by side.

    The period of a layer is searched for passes of several sizes and shares of decode attention; a pass that is faster
    in one piece stays in one. Wins where passes are large and steady: 2,048 tokens, not 100. With `overlap: none` the
    same measured operations run one after the other and unsplit, the baseline. Known for the models that were measured.

    Reference: Zhu et al., "NanoFlow: Towards Optimal Large Language Model Serving Throughput", 2024.
    """

    overlap: Literal["all", "none"] = "all"
    "What runs side by side: everything, or nothing."
    interference: Literal["paper", "earlier", "none"] = "paper"
    "Table of the speed of an operation by its share of the device; none: as if each had a device of its own."
    head: float = 0.002
    "Seconds of output head and sampling in each pass."
    host: float = 0.0
    "Seconds of host work in each pass; none where the next batch is built while this one runs."

    def __post_init__(self) -> None:
        if not (0 <= self.head < float("inf") and 0 <= self.host < float("inf")):
            raise ValueError(f"head and host are at least 0 seconds, not {self.head} and {self.host}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the constants, then seconds of a layer by tokens and decode attention.

        Raises `ValueError` if the operations were not measured.
        """
        measured = profile(model.name, device.name, tensor)
        fixed, each = _decode(measured)
        memory, seconds = layers(measured.name, self.overlap, self.interference)
        constants = (
            self.head + self.host,
            float(model.layers),
            fixed,
            each,
            measured.kv_bytes / KV_BANDWIDTH,
            _pair(measured),
            _alone(measured, TOKENS[-1]) / TOKENS[-1],
            float(len(TOKENS)),
            float(len(memory)),
        )
        return np.array([*constants, *TOKENS, *memory, *seconds.ravel()], np.float64)

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; its growth holds up to the next point of decode attention."""
        tokens = float(decodes)
        pairs = 0.0
        for k in range(len(chunk)):
            tokens += chunk[k]
            pairs += chunk[k] * (before[k] + 0.5 * chunk[k])
        memory = tables[3] * decodes + tables[4] * resident
        if decodes > 0:
            memory += tables[2]
        sizes = int(tables[7])
        points = int(tables[8])
        row = 1
        while row < sizes - 1 and tables[9 + row] < tokens:
            row += 1
        column = 1
        while column < points - 1 and tables[9 + sizes + column] <= memory:
            column += 1
        left = tables[9 + sizes + column - 1]
        right = tables[9 + sizes + column]
        low = tables[9 + row - 1]
        weight = min(1.0, max(0.0, (tokens - low) / (tables[9 + row] - low)))
        at = 9 + sizes + points + (row - 1) * points + column
        below = tables[at - 1] + weight * (tables[at + points - 1] - tables[at - 1])
        above = tables[at] + weight * (tables[at + points] - tables[at])
        slope = (above - below) / (right - left)
        if memory >= right:  # attention is all that there is to wait for
            slope = 1.0
            below = above
            left = right
        layer = below + slope * (memory - left) + pairs * tables[5]
        if tokens > tables[9 + row]:
            layer += tables[6] * (tokens - tables[9 + row])
        growth = tables[4] * decodes
        passes = 1e15
        if decodes > 0 and memory < right:
            passes = max(1.0, np.floor((right - memory) / growth * (1.0 - 1e-12)))
        return tables[0] + tables[1] * layer, tables[1] * slope * growth, passes

    def facts(self) -> dict[str, str | int | float]:
        """Return the constants that were measured, fitted or assumed."""
        return {
            "overlap": self.overlap,
            "interference": TABLES[self.interference].source if self.interference in TABLES else "none",
            "operations": "NanoFlow's profiles, straight lines between and beyond",
            "prompt attention": "by pairs of tokens, from the measured point; added to the layer, never hidden",
            "decode KV bandwidth": KV_BANDWIDTH,
            "decodes of a split pass": "the published share of its tokens, whatever it holds",
            "head and sampling": self.head,
            "host overhead": self.host,
        }


@cache
def layers(name: str, overlap: Literal["all", "none"], interference: str) -> tuple[Floats, Floats]:
    """Return seconds of decode attention, and those of a layer, shape [tokens, attention], without prompt attention.

    More work never takes less: the schedule of a larger pass does for a smaller one.
    """
    measured = profile(*_parts(name))
    alone = np.array([_alone(measured, tokens) for tokens in TOKENS])
    memory = alone[-1] * np.array(MEMORY)
    seconds = alone[:, None] + memory
    if overlap == "none":
        return memory, seconds
    large = np.array(TOKENS) >= 4 * CHUNK  # half of less is no full tile of most products
    asked = repr((measured.inputs(), TABLES.get(interference), TOKENS, MEMORY, SEEDS, MOVES))
    split = kept(
        asked, lambda: np.array([_split(measured, TOKENS[k], memory, interference) for k in np.nonzero(large)[0]])
    )
    seconds[large] = np.minimum(seconds[large], split)
    seconds = np.minimum.accumulate(seconds[::-1], axis=0)[::-1]
    return memory, np.minimum.accumulate(seconds[:, ::-1], axis=1)[:, ::-1]


def _split(measured: Profile, tokens: int, memory: Floats, interference: str) -> Floats:
    """Return seconds of a layer in nano-batches for each time that decode attention takes in one piece."""
    table = TABLES.get(interference)
    bare = _bare(measured)
    decode = round(tokens * measured.published["decode"] / measured.published["batch"])
    found = fitted(bare, tokens, decode, measured.context, table, layers=12, seeds=SEEDS, moves=MOVES).graph
    whole_seconds = bare.seconds("decode", decode, measured.context)
    periods = [search(_scaled(found, m / whole_seconds), table, seeds=SEEDS, moves=MOVES).period for m in memory]
    return np.array(periods)


def _scaled(of: Graph, factor: float) -> Graph:
    """Return the graph with decode attention so many times as long."""
    nanos = [
        replace(nano, seconds=max(nano.seconds * factor, NOTHING)) if nano.operation == "decode" else nano
        for nano in of.nanos
    ]
    return Graph(tuple(nanos), of.edges)


def _alone(measured: Profile, tokens: int) -> float:
    """Return the seconds of everything but attention in a pass in one piece."""
    of = graph(measured, whole(measured, tokens, 0), measured.context)
    return float(sum(nano.seconds for nano in of.nanos if nano.operation not in ("decode", "prefill")))


def _bare(measured: Profile) -> Profile:
    """Return the operations with prompt attention that takes no time: the pass adds it by pairs."""
    prefill = measured.curves["prefill"]
    return replace(measured, curves={**measured.curves, "prefill": replace(prefill, seconds=0.0 * prefill.seconds)})


def _decode(measured: Profile) -> tuple[float, float]:
    """Return the seconds of decode attention beside reading the cache: fixed, and for each request."""
    x, y = measured.curves["decode"].tokens, measured.curves["decode"].seconds
    slope = (y[-1] - y[0]) / (x[-1] - x[0]) if len(x) > 1 else y[0] / x[0]
    return float(y[0] - slope * x[0]), float(slope - measured.context * measured.kv_bytes / KV_BANDWIDTH)


def _pair(measured: Profile) -> float:
    """Return the seconds of prompt attention for a pair of tokens; a prompt token sees half the context on average."""
    tokens = measured.published["batch"] - measured.published["decode"]
    return float(measured.curves["prefill"](tokens) / (tokens * measured.context / 2))


def _parts(name: str) -> tuple[str, str, int]:
    model, device, tensor = name.split("/")
    return model, device, int(tensor)
