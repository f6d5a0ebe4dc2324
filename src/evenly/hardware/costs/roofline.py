"""Roofline."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class Roofline:
    """The slower of arithmetic and memory traffic, for the linear layers and for attention, plus a fixed overhead.

    Reference: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009.
    """

    compute: float = 0.65
    "Share of the peak arithmetic rate that large matrix products reach."
    memory: float = 0.75
    "Share of the peak memory bandwidth that is reached."
    overhead: float = 0.005
    "Seconds of host work, sampling and launches in each pass."

    def __post_init__(self) -> None:
        if not (0 < self.compute <= 1 and 0 < self.memory <= 1 and self.overhead >= 0):
            raise ValueError("compute and memory are shares above 0, overhead is at least 0 seconds")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return seconds for each token, for all weights, for each context token and each pair of tokens."""
        flops = device.flops * self.compute * tensor
        bandwidth = device.bandwidth * self.memory * tensor
        touched = model.layers * model.layer_parameters * model.bytes
        pair = 4.0 * model.layers * model.heads * model.head_dim
        return np.array(
            [
                self.overhead,
                2.0 * model.active_parameters / flops,
                touched / bandwidth,
                model.kv_bytes / bandwidth,
                pair / flops,
            ]
        )

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; it grows by the KV reads of one more token for each decode."""
        tokens = float(decodes)
        attention = resident * tables[3]
        for k in range(len(chunk)):
            tokens += chunk[k]
            pairs = chunk[k] * (before[k] + 0.5 * chunk[k])
            attention += max(pairs * tables[4], (before[k] + chunk[k]) * tables[3])
        first = tables[0] + max(tokens * tables[1], tables[2]) + attention
        return first, decodes * tables[3], 1e15

    def facts(self) -> dict[str, str | int | float]:
        """Return the assumed shares and overhead."""
        return {"compute share": self.compute, "memory share": self.memory, "overhead": self.overhead}
