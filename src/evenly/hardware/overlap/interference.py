"""How fast an operation runs on a share of the device while others hold the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.hardware.overlap.profile import RESOURCES

SHARES = np.linspace(0.1, 1.0, 10)  # what an operation may hold of a device


@dataclass(frozen=True, slots=True)
class Interference:
    """The speed of an operation, as a part of its speed alone, by its share R of the device.

    Of matrix products the speed is the share, by definition of R; what bounds another resource needs less of it.
    """

    name: str
    source: str
    memory: Mapping[float, float]
    network: Mapping[float, float]

    def speeds(self) -> Floats:
        """Return speeds, shape [resources, shares], straight between the measured points.

        >>> PAPER.speeds()[:, 1].tolist()  # on a fifth of the device
        [0.2, 0.3, 0.5]
        """
        rows = {"compute": {0.0: 0.0, 1.0: 1.0}, "memory": self.memory, "network": self.network}
        return np.array([np.interp(SHARES, [*rows[name]], [*rows[name].values()]) for name in RESOURCES])


PAPER = Interference(
    "paper",
    "NanoFlow, table 3, A100",
    {0.0: 0.0, 0.1: 0.2, 0.2: 0.3, 0.4: 0.5, 0.8: 0.85, 0.9: 0.95, 1.0: 1.0},
    {0.0: 0.0, 0.1: 0.3, 0.2: 0.5, 0.4: 0.7, 0.8: 0.9, 0.9: 1.0, 1.0: 1.0},
)
EARLIER = Interference(
    "earlier",
    "NanoFlow, earlier profile file, A100",
    {0.0: 0.0, 0.1: 0.25, 0.2: 0.4, 0.3: 0.5, 0.4: 0.6, 0.5: 0.7, 0.6: 0.8, 0.7: 0.85, 0.8: 0.9, 0.9: 0.95, 1.0: 1.0},
    {0.0: 0.0, 0.1: 0.4, 0.2: 0.6, 0.3: 0.7, 0.4: 0.8, 0.5: 0.9, 1.0: 1.0},
)
PROPORTIONAL = Interference("proportional", "no gain: speed is share", {0.0: 0.0, 1.0: 1.0}, {0.0: 0.0, 1.0: 1.0})
TABLES = {table.name: table for table in (PAPER, EARLIER, PROPORTIONAL)}
