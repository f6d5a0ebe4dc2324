"""What one expert costs on the CPU, on the device and on the link between them."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of the warm-up model: linear on the CPU in tokens, on device and link in experts.

    The defaults are those of a Qwen2-57B-A14B with 4-bit weights beside ten cores: the two of the CPU stand in the
    published code of HybriMoE; transfer and device are fitted, so that the parts of its ablation come out.

    >>> Costs().cpu(np.array([1, 2]))
    0.00319
    """

    transfer: float = 0.9e-3
    "To move one expert over the link."
    device: float = 0.15e-3
    "Of one expert on the device, whatever its tokens."
    first: float = 0.79e-3
    "The first expert of a layer on the CPU adds: its caches are cold."
    token: float = 0.8e-3
    "Of one token of one expert on the CPU."
    other: float = 1.7e-3
    "Of all else in a layer: attention, gates, shared experts."

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            least = 0.0 if name in ("first", "other") else 1e-12
            if not least <= value or (math.isinf(value) and name in ("device", "other")):
                raise ValueError(f"{name} is seconds, at least {least:g}, not {value}")

    def array(self) -> Floats:
        """Return the figures as compiled code reads them."""
        return np.array([self.transfer, self.device, self.first, self.token, self.other])

    def cpu(self, loads: Floats) -> float:
        """Return the seconds that experts with so many tokens take on the CPU, one after the other."""
        return float(self.first + self.token * loads.sum()) if len(loads) else 0.0
