"""A ladder of thresholds with hysteresis."""

from dataclasses import dataclass

import numpy as np

from evenly.balance.ladder import climb
from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Ladder:
    """Open a further replica once the load exceeds `busy` of those there are, and close it `band` below that.

    The controller of POLCA's power caps with replicas in place of clocks. Without a band a load that stands at a
    threshold opens and closes at every look.

    Reference: the ladder is that of Patel et al., "Characterizing power management opportunities for LLMs in the
    cloud", 2024.
    """

    busy: float = 0.7
    "Share of the requests that the open replicas are meant for above which another one is opened."
    band: float = 0.3
    "By how many replicas' requests the load must lie below a threshold before one is closed."

    def __post_init__(self) -> None:
        if not 0 < self.busy <= 10:
            raise ValueError(f"busy is above 0 and at most 10 times what replicas are meant for, not {self.busy}")
        if not 0 <= self.band < self.busy:
            raise ValueError(f"band is at least 0 and below busy, {self.busy:g}, not {self.band}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the band and the threshold of each further replica.

        >>> Ladder(busy=0.5, band=0.1).memory(0, 4)
        array([0.1, 0.5, 1. , 1.5])
        """
        return np.array([self.band, *(self.busy * k for k in range(1, replicas))])

    choose = staticmethod(climb)
