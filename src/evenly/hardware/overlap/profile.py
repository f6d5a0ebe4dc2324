"""Measured times of the operations of a layer, by tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evenly.core import Floats

RESOURCES = ("compute", "memory", "network")
FILE = Path(__file__).parents[1] / "data" / "overlap.yaml"
KV_BANDWIDTH = 1.77e12  # bytes/s at which decodes read keys and values on an A100; meets the measured grid within 2%
SAME_SHAPE = {"llama-3-70b": "llama-2-70b", "llama-3.1-70b": "llama-2-70b", "llama-3.1-8b": "llama-3-8b"}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Seconds by tokens: straight between the measured points and beyond the last.

    Below the first point it is the larger of that line and of proportion: a small range is never cheaper by the token.

    >>> curve = Curve(np.array([200.0, 400.0]), np.array([2.0, 3.0]))
    >>> [float(curve(tokens)) for tokens in (0, 100, 300, 600)]
    [0.0, 1.5, 2.5, 4.0]
    """

    tokens: Floats
    seconds: Floats

    def __call__(self, tokens: float) -> float:
        """Return the seconds of a range of so many tokens; none take none."""
        x, y = self.tokens, self.seconds
        if tokens <= 0:
            return 0.0
        share = float(y[0] * tokens / x[0])
        if len(x) == 1:
            return share
        if tokens >= x[-1]:
            return float(y[-1] + (y[-1] - y[-2]) / (x[-1] - x[-2]) * (tokens - x[-1]))
        if tokens <= x[0]:
            return max(share, float(y[0] - (y[1] - y[0]) / (x[1] - x[0]) * (x[0] - tokens)))
        return float(np.interp(tokens, x, y))


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The operations of a layer of one model on so many devices."""

    name: str
    source: str
    curves: Mapping[str, Curve]
    "Seconds by tokens of each operation."
    resource: Mapping[str, int]
    "Index in `RESOURCES` of what each operation is bound by."
    context: int
    "Tokens of context at which decode attention was measured."
    kv_bytes: float
    "Bytes of keys and values of one token that a device reads in a layer."
    optimum: float
    "Tokens a second of a device whose matrix products never wait."
    published: Mapping[str, Any]
    "The published split: batch, decode, first, query, attention, and gather where there is a network."

    @property
    def distributed(self) -> bool:
        """Whether devices share the layer, so that they exchange tokens."""
        return "reduce" in self.curves

    def inputs(self) -> tuple[object, ...]:
        """Return all that a schedule hangs on, as plain values: two profiles with equal ones are the same."""
        curves = {name: (curve.tokens.tolist(), curve.seconds.tolist()) for name, curve in self.curves.items()}
        return curves, dict(self.resource), self.context, self.kv_bytes, dict(self.published)

    def seconds(self, operation: str, tokens: float, context: float) -> float:
        """Return the seconds of an operation alone on `tokens`; decodes have `context` tokens each.

        >>> from evenly.hardware.overlap.profile import profile
        >>> round(profile("llama-2-70b", "a100-80gb", 8).seconds("decode", 1024, 512) * 1e3, 3)  # measured: .2094
        0.21
        """
        found = self.curves[operation](tokens)
        if operation == "decode" and tokens > 0:
            found += tokens * (context - self.context) * self.kv_bytes / KV_BANDWIDTH
        return found


def profile(model: str, device: str, tensor: int) -> Profile:
    """Return the measured operations; raise `ValueError` that lists what was measured."""
    name = f"{SAME_SHAPE.get(model, model)}/{device}/{tensor}"
    if name not in _file():
        known = ", ".join("{} on {} x {}".format(*(key.split("/")[k] for k in (0, 2, 1))) for key in _file())
        raise ValueError(f"no measured operations of {model} on {tensor} x {device}; known: {known}")
    return _profile(name)


@cache
def _profile(name: str) -> Profile:
    raw = _file()[name]
    curves, resource = {}, {}
    for index, kind in enumerate(RESOURCES):
        for operation, points in raw.get(kind, {}).items():
            curves[operation] = Curve(np.array([*points], np.float64), np.array([*points.values()]) * 1e-3)
            resource[operation] = index
    keys = ("batch", "decode", "first", "query", "attention", "gather")
    return Profile(
        name,
        raw["source"],
        curves,
        resource,
        raw["context"],
        raw["kv_bytes"],
        raw["optimum"],
        {key: raw[key] for key in keys if key in raw},
    )


@cache
def _file() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())
    return found
