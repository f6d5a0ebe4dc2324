"""Kernel tables of the package aiconfigurator-core."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evenly.core import FilePath
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.aiconfigurator import Scales, installed, recognises
from evenly.hardware.profiles.kernels import TOKENS, activation, norms, products
from evenly.hardware.profiles.measured import Curve
from evenly.plan.assemble import assembled, exchanged, head, layer, repeated
from evenly.plan.cost import Kernel, Passes, Tables, tables
from evenly.plan.layout import Layout
from evenly.plan.priced import Kernels, source

FORMULA = "formula of memory traffic"


@dataclass(frozen=True, slots=True)
class Silicon:
    """Sum the kernels that NVIDIA measured and publishes with AIConfigurator, cut as the layout cuts them.

    Matrix products, attention, experts and collectives of one machine are measured; norms, rotation and activation are
    counted as memory traffic. What the tables do not hold, such as attention with latent keys or products of a width
    that was not measured on the device, is timed by the roofline, and the plan says how much that is. Needs the extra
    `silicon`, or a folder.

    Reference: AIConfigurator, github.com/ai-dynamo/aiconfigurator, Apache-2.0, tables of version 0.12.
    """

    path: FilePath | None = None
    "Folder of such tables of one machine; by default those of the installed package for the device."
    scales: Scales = "tensor"
    """Of weights of 8 bits: one for each matrix (`tensor`) or one for each block of it (`block`), which other kernels
    multiply."""

    def tables(self, passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Tables:
        """Return the numbers of a pass on the busiest stage.

        Raises `ValueError` if the package is missing, or has no tables of the device.
        """
        kernels = Kernels(self._folder(device), passes, model, device, self.scales)
        layers = max(layout.depths(model.layers))
        sends, shared_sends = exchanged(layout, passes, model, device, node, kernels.exchange)
        grid, source = kernels.attention(layout)
        return assembled(
            own=[*_attention(kernels, layout, layers), _head(kernels, layout), *sends],
            together=[*_network(kernels, layout, layers), *shared_sends],
            attention=(repeated(grid, layers), source),
            passes=passes,
            plain=tables(passes, model, device, node, layout),
        )

    def facts(self, passes: Passes, device: Device) -> dict[str, str | int | float]:
        """Return whose tables are read and what is assumed beside them."""
        return {
            "kernels": f"{source(self._folder(device))}, where measured, else roofline",
            "norms, rotation, activation": "memory traffic at 80% of the bandwidth, 3 us at least",
            "prompts of one pass": "as one prompt with as many token pairs",
            "gated networks": "gathered as published" if passes.gathers == "published" else "no exchange inside",
            "collectives": "measured inside a machine, else own tables or ring formula; a machine at a time",
        }

    def _folder(self, device: Device) -> Path:
        if self.path is None:
            return installed(device)
        folder = Path(self.path)
        if not recognises(folder):
            raise ValueError(
                f"'{self.path}' holds no tables of AIConfigurator: gemm and generation_attention are missing"
            )
        return folder


def _attention(kernels: Kernels, layout: Layout, layers: int) -> list[Kernel]:
    """Return the products around the attention of a stage, its norms, and the embedding."""
    model, device = kernels.model, kernels.device
    n = layout.tensor // layout.attention
    embedding = Curve(TOKENS, TOKENS * model.hidden * 4 / (device.bandwidth * 0.8))
    found = [layer((norms(model, device, n), FORMULA), layers), layer((embedding, FORMULA), 1)]
    if model.latent:
        return [*found, layer(kernels.attention_product(n), layers)]
    return [*found, *(layer(kernels.product(a, b, model.bytes), layers) for a, b in products(model, n)[:2])]


def _network(kernels: Kernels, layout: Layout, layers: int) -> Iterator[Kernel]:
    """Yield the feed-forward network of a stage on one device; each of its copies has a share of the tokens."""
    model, copies = kernels.model, layout.network
    works = layout.tensor // copies
    yield layer((activation(model, kernels.device, works), FORMULA), layers, copies)
    sparse = 1.0 - model.dense_layers / model.layers if model.experts else 0.0
    dense = model.dense_intermediate if model.experts else model.intermediate
    for wide, share in ((dense, 1.0 - sparse), (model.shared * model.intermediate, sparse)):
        if wide and share:
            for n, k in (((model.matrices - 1) * wide // works, model.hidden), (model.hidden, wide // works)):
                yield layer(kernels.product(n, k, model.bytes), layers * share, copies)
    if model.experts:
        yield layer(kernels.product(model.experts, model.hidden, 2), layers * sparse, copies)  # the router, 16 bits
        yield layer(kernels.experts(layout), layers * sparse, copies)


def _head(kernels: Kernels, layout: Layout) -> Kernel:
    vocabulary = -(-kernels.model.vocabulary // layout.tensor)
    return head(kernels.product(vocabulary, kernels.model.hidden, 2), layout.attention)
