"""Measured layers."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.device import device as device_named
from evenly.hardware.model import Model

TOKENS = (1, 8, 32, 64, 128, 256, 512, 1024, 2048, 4096)
# Milliseconds of one layer without attention and collectives, by tokens of the pass: medians of the profiling tables
# that Vidur publishes (Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024; MIT).
LAYERS_MS: dict[tuple[str, str, int], tuple[float, ...]] = {
    ("a100-80gb", "llama-3-8b", 1): (0.305, 0.314, 0.343, 0.354, 0.415, 0.613, 1.089, 2.361, 4.517, 8.595),
    ("a100-80gb", "llama-2-7b", 1): (0.292, 0.285, 0.300, 0.305, 0.386, 0.561, 1.050, 2.135, 4.199, 8.178),
    ("a100-80gb", "llama-2-70b", 4): (0.313, 0.322, 0.329, 0.339, 0.419, 0.644, 1.127, 2.324, 4.212, 8.073),
    ("a100-80gb", "llama-2-70b", 8): (0.179, 0.181, 0.185, 0.193, 0.236, 0.387, 0.660, 1.182, 2.349, 4.388),
    ("h100", "llama-2-7b", 1): (0.176, 0.173, 0.183, 0.185, 0.201, 0.289, 0.379, 0.664, 1.278, 2.631),
    ("h100", "llama-2-70b", 4): (0.181, 0.189, 0.194, 0.193, 0.202, 0.244, 0.382, 0.790, 1.432, 2.841),
    ("h100", "llama-2-70b", 8): (0.106, 0.107, 0.118, 0.114, 0.128, 0.148, 0.228, 0.422, 0.826, 1.592),
}
SAME_SHAPE = {"llama-3.1-8b": "llama-3-8b", "llama-3-70b": "llama-2-70b", "llama-3.1-70b": "llama-2-70b"}
# Seconds and bytes/s of one all-reduce, by devices; fitted above 2 MB, from the same tables.
ALL_REDUCE: dict[str, dict[int, tuple[float, float]]] = {
    "a100-80gb": {2: (45e-6, 171e9), 4: (62e-6, 125e9), 8: (84e-6, 107e9)},
    "h100": {2: (21e-6, 297e9), 4: (24e-6, 230e9), 8: (38e-6, 212e9)},
}
SMALL = 2e6  # bytes below which an all-reduce takes `SMALL_SECONDS`
SMALL_SECONDS = 45e-6  # middle of the measured 30 to 60 us
DECODE_FIXED = 34e-6  # seconds of decode attention in a layer, fitted on an A100
DECODE_EACH = 2.4e-8  # seconds more for each request
DECODE_BANDWIDTH = 1.77e12  # bytes/s of KV reads on an A100; others by their memory bandwidth
PREFILL_FLOPS = {"a100-80gb": 150e12, "h100": 400e12}  # attention of prompts, an assumption


@dataclass(frozen=True, slots=True)
class LayerTable:
    """Measured seconds of a layer by tokens of the pass, plus attention, collectives and a fixed overhead.

    Known for A100 and H100 with models of the Llama family; `roofline` covers the rest.

    Reference: Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024.
    """

    head: float = 0.002
    "Seconds of output head and sampling in each pass."
    host: float = 0.005
    "Seconds of host work in each pass: 5 ms for C++ or overlapped engines, 20 to 35 ms for Python engines of 2024."
    prefill_flops: float | None = None
    "Attention operations a second on prompts; by default 150e12 on an A100, 400e12 on an H100, both assumed."
    decode_bandwidth: float | None = None
    "Bytes a second at which decodes read KV; by default 1.77e12 on an A100, fitted, others by memory bandwidth."

    def __post_init__(self) -> None:
        if not (0 <= self.head < float("inf") and 0 <= self.host < float("inf")):
            raise ValueError(f"head and host are at least 0 seconds, not {self.head} and {self.host}")
        for name in ("prefill_flops", "decode_bandwidth"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is a positive rate, not {value}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the constants and the table of seconds by tokens.

        Raises `ValueError` if the layer was not measured.
        """
        shape = SAME_SHAPE.get(model.name, model.name)
        row = LAYERS_MS.get((device.name, shape, tensor))
        if row is None:
            known = ", ".join(f"{m} on {t} x {d}" for d, m, t in LAYERS_MS)
            raise ValueError(
                f"no measured layers of {model.name} on {tensor} x {device.name}; known: {known}; or use roofline"
            )
        wait, rate = ALL_REDUCE[device.name].get(tensor, (0.0, 1.0))
        bandwidth = self.decode_bandwidth or DECODE_BANDWIDTH * device.bandwidth / device_named("a100-80gb").bandwidth
        constants = (
            self.head + self.host,
            float(model.layers),
            model.kv_bytes / model.layers / tensor / bandwidth,  # seconds for one context token in a layer
            4.0 * model.heads / tensor * model.head_dim / (self.prefill_flops or PREFILL_FLOPS[device.name]),
            2.0 * wait,
            2.0 * model.hidden * model.bytes / rate if tensor > 1 else 0.0,
            SMALL / (model.hidden * model.bytes) if tensor > 1 else 0.0,
            2.0 * SMALL_SECONDS if tensor > 1 else 0.0,
            DECODE_FIXED,
            DECODE_EACH,
            float(len(TOKENS)),
        )
        return np.array([*constants, *TOKENS, *(ms * 1e-3 for ms in row)], np.float64)

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; it grows by the KV reads of one more token for each decode."""
        tokens = float(decodes)
        attention = 0.0
        for k in range(len(chunk)):
            tokens += chunk[k]
            attention += chunk[k] * (before[k] + 0.5 * chunk[k]) * tables[3] + before[k] * tables[2]
        if decodes > 0:
            attention += tables[8] + tables[9] * decodes + resident * tables[2]
        count = int(tables[10])
        k = 1
        while k < count - 1 and tables[11 + k] < tokens:
            k += 1
        low = tables[11 + k - 1]
        high = tables[11 + k]
        below = tables[11 + count + k - 1]
        above = tables[11 + count + k]
        linear = below + (above - below) * (tokens - low) / (high - low)
        if tokens > high:  # by the last ratio
            linear = above * tokens / high
        collective = tables[7] if tokens < tables[6] else tables[4] + tokens * tables[5]
        layer = linear + attention + collective
        return tables[0] + tables[1] * layer, tables[1] * decodes * tables[2], 1e15

    def facts(self) -> dict[str, str | int | float]:
        """Return the constants that were assumed or fitted."""
        return {
            "head and sampling": self.head,
            "host overhead": self.host,
            "layers": "medians of the profiles of Vidur, straight lines between",
            "prefill attention FLOP/s": self.prefill_flops
            or ", ".join(f"{d} {f:.3g}" for d, f in PREFILL_FLOPS.items()) + " (assumed)",
            "decode KV bandwidth": self.decode_bandwidth
            or f"{DECODE_BANDWIDTH:.3g} B/s on A100 (fitted), others by memory bandwidth (assumed)",
            "decode attention": f"{DECODE_FIXED * 1e6:g} us and {DECODE_EACH * 1e6:g} us a request in each layer",
            "all-reduce": f"two a layer; fitted above {SMALL / 1e6:g} MB, {SMALL_SECONDS * 1e6:g} us below",
        }
