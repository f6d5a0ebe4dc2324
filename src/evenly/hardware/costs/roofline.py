"""Roofline."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.collectives import all_reduce
from evenly.hardware.device import Device
from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class Roofline:
    """The slower of arithmetic and memory traffic, for the linear layers and for attention, plus a fixed overhead.

    Experts are read as far as a token visits them, each token choosing evenly. With more than one device, each layer
    adds two all-reduces. The choice where nobody has measured kernels: it knows every model and device.

    Reference: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009.
    """

    compute: float = 0.65
    "Share of the peak arithmetic rate that large matrix products reach."
    memory: float = 0.75
    "Share of the peak memory bandwidth that is reached."
    overhead: float = 0.005
    "Seconds of host work, sampling and launches in each pass."

    def __post_init__(self) -> None:
        if not (0 < self.compute <= 1 and 0 < self.memory <= 1):
            raise ValueError(f"compute and memory are shares above 0 and at most 1, not {self.compute}, {self.memory}")
        if not 0 <= self.overhead < float("inf"):
            raise ValueError(f"overhead is at least 0 seconds, not {self.overhead}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return seconds for tokens, weights, contexts and pairs of tokens, then all-reduces by tokens."""
        flops = device.rate(model.bytes) * self.compute * tensor
        bandwidth = device.bandwidth * self.memory * tensor
        experts = float(model.layers - model.dense_layers) * model.experts * model.expert_parameters
        fixed = model.parameters - experts - (0 if model.tied else model.vocabulary * model.hidden)
        key = model.head_dim + model.rope
        pair = 2.0 * model.layers * model.heads * (key + (model.value_dim or model.head_dim))
        constants = [
            self.overhead,
            2.0 * model.active_parameters / flops,
            fixed * model.bytes / bandwidth,
            experts * model.bytes / bandwidth,
            1.0 - model.active / model.experts if model.experts else 1.0,
            model.kv_bytes_on(tensor) * tensor / bandwidth,
            pair / (device.flops * self.compute * tensor),
        ]
        if tensor == 1:
            return np.array([*constants, 0.0])
        curve = all_reduce(device, tensor)
        width = model.hidden * 2.0  # activations have 16 bits whatever the weights
        return np.array([*constants, float(len(curve.x)), *(curve.x / width), *(2.0 * model.layers * curve.y)])

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; it grows by the KV reads of one more token for each decode."""
        tokens = float(decodes)
        attention = resident * tables[5]
        for k in range(len(chunk)):
            tokens += chunk[k]
            pairs = chunk[k] * (before[k] + 0.5 * chunk[k])
            attention += max(pairs * tables[6], (before[k] + chunk[k]) * tables[5])
        weights = tables[2]
        if tables[3] > 0.0:  # experts, as far as a token visits them
            weights += tables[3] * (1.0 - tables[4] ** tokens)
        first = tables[0] + max(tokens * tables[1], weights) + attention
        count = int(tables[7])
        if count > 0:
            k = 1
            while k < count - 1 and tables[8 + k] < tokens:
                k += 1
            below = tables[8 + count + k - 1]
            slope = (tables[8 + count + k] - below) / (tables[8 + k] - tables[8 + k - 1])
            first += below + slope * max(0.0, tokens - tables[8 + k - 1])
        return first, decodes * tables[5], 1e15

    def facts(self) -> dict[str, str | int | float]:
        """Return the assumed shares and overhead."""
        return {
            "compute share": self.compute,
            "memory share": self.memory,
            "overhead": self.overhead,
            "routing": "tokens choose experts evenly",
            "collectives": "two all-reduces a layer, measured where known, else ring formula",
        }
