"""Published profiles of whole layers."""

from collections.abc import Callable
from dataclasses import dataclass

from evenly.core import FilePath
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.load import describe, load
from evenly.hardware.profiles.measured import Curve, Measured
from evenly.plan.assemble import (
    Priced,
    assembled,
    exchanged,
    head,
    layer,
    plain_layers,
    repeated,
    slower,
    slower_prompts,
)
from evenly.plan.cost import Kernel, Passes, Tables, tables
from evenly.plan.layout import Layout
from evenly.plan.reshard import Exchange

SOURCE = "profile"


@dataclass(frozen=True, slots=True)
class Profile:
    """Sum layers that were measured whole, one table for each number of devices that share them.

    Reads the folders that LLMServingSim and Vidur publish. Layouts that they do not time, such as another number of
    devices, copies of single cells or whole experts, are left out of a search and counted, or timed by the roofline.

    Reference: Cho et al., "LLMServingSim: a HW/SW co-simulation infrastructure for LLM inference serving at scale",
    2024; Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024.
    """

    path: FilePath
    "Folder of the profile."
    attention: FilePath | None = None
    "File of the attention table, for formats that keep it elsewhere; by default beside the layers."
    network: FilePath | None = None
    "File of measured all-reduces; by default evenly's own tables, or a ring."
    fill: bool = False
    "Time layouts that have no table by the roofline, instead of leaving them out."

    def tables(self, passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Tables:
        """Return the numbers of a pass on the busiest stage.

        Raises `ValueError` if the folder has no table of the layout, unless that is to be filled.
        """
        plain = tables(passes, model, device, node, layout)
        try:
            measured = self._measured(model, device, layout)
        except ValueError:
            if not self.fill:
                raise
            return plain
        layers = max(layout.depths(model.layers))

        def reduced(part: Exchange) -> Priced | None:
            known = part.kind == "all-reduce" and part.devices == layout.tensor
            return (measured.reduce, SOURCE) if known and measured.reduce else None

        sends, together = exchanged(layout, passes, model, device, node, reduced)
        grid = slower_prompts(measured.attention, device)
        return assembled(
            own=[
                *self._layers(measured, passes, model, device, node, layout),
                head((measured.head, SOURCE), 1),
                *sends,
            ],
            together=together,
            attention=(repeated(grid, layers), SOURCE),
            passes=passes,
            plain=plain,
        )

    def facts(self, passes: Passes, device: Device) -> dict[str, str | int | float]:
        """Return where the seconds come from and what is assumed beside them."""
        return {
            "kernels": f"profile {self.path}",
            **describe(self.path),
            "layouts without a table": "timed by the roofline" if self.fill else "left out",
            "prompts of one pass": "as one prompt with as many token pairs",
            "gated networks": "gathered as published" if passes.gathers == "published" else "no exchange inside",
            "collectives": "of the profile where it has them, else own tables or ring formula; a machine at a time",
        }

    def _measured(self, model: Model, device: Device, layout: Layout) -> Measured:
        if layout.attention > 1 or layout.network > 1 or layout.experts == "expert":
            raise ValueError(f"'{self.path}' times whole layers, which {layout.title} does not cut alike")
        return load(self.path, model, device, layout.tensor, 1, self.attention, self.network)

    def _layers(
        self, measured: Measured, passes: Passes, model: Model, device: Device, node: int, layout: Layout
    ) -> list[Kernel]:
        """Return the layers of a stage, with their experts, and what stands before and after all of them."""
        layers = max(layout.depths(model.layers))

        def told(card: Device) -> Callable[[float], float]:
            return plain_layers(passes, model, card, node, layout)

        curves: list[tuple[Curve, float]] = [(measured.layer, layers), (measured.once, 1)]
        if measured.experts:
            curves.append((measured.experts, layers))
        return [layer((slower(curve, told, device), SOURCE), count) for curve, count in curves]
