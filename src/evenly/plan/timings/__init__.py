"""Timings: where the seconds of a pass's kernels come from."""

from typing import Protocol

from evenly.core import Catalog
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.plan.cost import Passes, Tables
from evenly.plan.layout import Layout


class Timing(Protocol):
    """Say how long the kernels of a layout take."""

    def tables(self, passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Tables:
        """Return the numbers of a pass on the busiest stage of a layout, on machines of `node` devices.

        `passes` has the figures of what no kernel stands for, and those of the roofline where it stands in. Raises
        `ValueError` that says why a layout cannot be timed.
        """
        ...

    def facts(self, passes: Passes, device: Device) -> dict[str, str | int | float]:
        """Return where the seconds come from, and what is assumed beside them."""
        ...


timings: Catalog[Timing] = Catalog(__name__, Timing)
