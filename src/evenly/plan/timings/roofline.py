"""Arithmetic and memory traffic."""

from dataclasses import dataclass

from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.plan.cost import Passes, Tables, tables
from evenly.plan.layout import Layout


@dataclass(frozen=True, slots=True)
class Roofline:
    """Time every kernel by the slower of its arithmetic and its bytes; the shares of the peaks are those of `cost`.

    The choice where nobody has measured kernels: it knows every model, device and layout.

    Reference: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009.
    """

    def tables(self, passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Tables:
        """Return the numbers of a pass on the busiest stage."""
        return tables(passes, model, device, node, layout)

    def facts(self, passes: Passes, device: Device) -> dict[str, str | int | float]:
        """Return how collectives are timed."""
        return {
            "kernels": "roofline",
            "gated networks": "no exchange inside" if passes.gathers == "engine" else "gathered as published",
            "collectives": "measured where known, else ring formula; a machine at a time",
        }
