"""Kernels of a layout from tables of single kernels, and from the roofline where these hold nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from evenly.core import Floats
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles import aiconfigurator as tables
from evenly.hardware.profiles.aiconfigurator import DISTRIBUTION, LackingError, Scales
from evenly.hardware.profiles.kernels import TOKENS, additive
from evenly.hardware.profiles.measured import Curve, Grid
from evenly.plan.assemble import Priced, slower, slower_prompts
from evenly.plan.cost import ROOFLINE, Passes, attention_work, busiest
from evenly.plan.layout import Layout
from evenly.plan.reshard import Exchange

T = TypeVar("T")
ROUTED = {"even": ("balanced", DISTRIBUTION), "power-law": (DISTRIBUTION, "balanced")}


@dataclass(frozen=True, slots=True)
class Kernels:
    """Kernels of a model on one kind of device.

    Tables were measured at full clock: where arithmetic binds a kernel, a lower clock makes it longer.
    """

    folder: Path
    passes: Passes
    model: Model
    device: Device
    "At its clock."
    scales: Scales = "tensor"
    "Of 8-bit weights: one for a matrix, or one for each block of it."

    def product(self, n: int, k: int, width: int) -> Priced:
        """Return a product with a matrix of n outputs and k inputs, `width` bytes a weight, by tokens."""

        def told(device: Device) -> Curve:
            return self._bound(2.0 * n * k, np.full(len(TOKENS), float(n * k * width)), device, width)

        dtype = tables.precision(width, self.scales)
        return self._timed(lambda: _product(self.folder, dtype, n, k), told)

    def attention_product(self, tensor: int) -> Priced:
        """Return all products of latent attention on one of `tensor` devices, whose shapes nobody measured."""
        parameters = self.model.attention_parameters / tensor
        read = np.full(len(TOKENS), parameters * self.model.bytes)
        return self._bound(2.0 * parameters, read, self.device, self.model.bytes), ROOFLINE

    def experts(self, layout: Layout) -> Priced:
        """Return the experts of a layer on one device, by tokens that reach its copy of the network."""
        works = layout.tensor // layout.network
        sliced, ranks = (1, works) if layout.experts == "expert" else (works, 1)
        model = self.model

        def told(device: Device) -> Curve:
            visited = 1.0 - (1.0 - model.active / model.experts) ** TOKENS
            read = model.experts * model.expert_parameters * model.bytes * visited / works
            flops = 2.0 * model.active * model.expert_parameters / works * busiest(layout, self.passes.routing)
            return self._bound(flops, read, device, model.bytes)

        routed = ROUTED[self.passes.routing]
        return self._timed(lambda: _experts(self.folder, model, sliced, ranks, routed, self.scales), told)

    def attention(self, layout: Layout) -> tuple[Grid, str]:
        """Return the attention of a layer on one device."""
        tensor = layout.tensor // layout.attention
        try:
            grid = _attention(self.folder, self.model, tensor)
        except LackingError:
            return self._told_attention(layout), ROOFLINE
        return slower_prompts(grid, self.device), source(self.folder)

    def exchange(self, part: Exchange) -> Priced | None:
        """Return a collective inside a machine by bytes, if it was measured."""
        try:
            return _exchange(self.folder, part.kind, part.devices), source(self.folder)
        except LackingError:
            return None

    def _timed(self, measured: Callable[[], Curve], told: Callable[[Device], Curve]) -> Priced:
        try:
            curve = measured()
        except LackingError:
            return told(self.device), ROOFLINE
        return slower(curve, told, self.device), source(self.folder)

    def _bound(self, flops: float, read: Floats, device: Device, width: int) -> Curve:
        """Return the slower of `flops` for each token and of the bytes that are read."""
        arithmetic = TOKENS * flops / (device.rate(width) * self.passes.compute)
        return Curve(TOKENS, np.maximum(arithmetic, read / (device.bandwidth * self.passes.memory)))

    def _told_attention(self, layout: Layout) -> Grid:
        work = attention_work(self.model, layout, 1)
        kv = work.kv / (self.device.bandwidth * self.passes.memory)
        pair = work.pairs / (self.device.flops * self.passes.compute)

        def prefill(prompt: float, held: float) -> float:
            return max(prompt * (held + 0.5 * prompt) * pair, (prompt + held) * kv)

        return additive(prefill, lambda batch, context: batch * context * kv)


# Tables are read once a process: layouts share most of their kernels. What is not there is remembered as well.


def source(folder: Path) -> str:
    """Return whose tables a folder holds, and of which engine; raise `ValueError` if it holds none."""
    return f"AIConfigurator {_release(folder)}"


def _known(call: Callable[..., T]) -> Callable[..., T]:
    """Return a function that keeps what it found, and that it found nothing."""

    @lru_cache(maxsize=1024)
    def kept(*asked: object) -> T | LackingError:
        try:
            return call(*asked)
        except LackingError as error:
            return error

    def found(*asked: object) -> T:
        result = kept(*asked)
        if isinstance(result, LackingError):
            raise LackingError(*result.args)
        return result

    return found


_release = _known(tables.release)
_product = _known(tables.product)
_experts = _known(tables.experts)
_attention = _known(tables.attention)
_exchange = _known(tables.exchange)
