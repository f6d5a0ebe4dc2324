"""A cost without contention, for claims that queueing theory settles."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class Steady:
    """Every pass takes the same time, whatever is in it."""

    pass_seconds: float = 0.001
    "Length of a pass."

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the length of a pass."""
        return np.array([self.pass_seconds])

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the same length for every pass."""
        return tables[0], 0.0, 1e15

    def facts(self) -> dict[str, str | int | float]:
        """Return the length of a pass."""
        return {"seconds of a pass": self.pass_seconds}
