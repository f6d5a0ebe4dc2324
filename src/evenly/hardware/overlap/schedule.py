"""When each nano-operation of each layer runs, and on which share of the device."""

from dataclasses import dataclass

from evenly.core import Floats
from evenly.hardware.overlap.graph import Graph
from evenly.hardware.overlap.interference import Interference


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The nano-operations of many layers, each with begin, end and share of the device."""

    graph: Graph
    begin: Floats
    "Seconds, shape [nano-operations, layers]."
    end: Floats
    share: Floats
    "Share R of the device that each nano-operation holds; 1 for all where interference is left out."
    interference: Interference | None
    "What the shares cost; `None`: nothing interferes."

    @property
    def layers(self) -> int:
        """Return the number of layers."""
        return int(self.begin.shape[1])

    @property
    def period(self) -> float:
        """Seconds from begin to end over the number of layers: filling the pipeline counts."""
        return float(self.end.max()) / self.layers
