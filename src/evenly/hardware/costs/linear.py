"""So much a pass and so much a token."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class Linear:
    """A fixed time for a pass and a fixed time for each token in it, whatever model and device.

    The simplest cost: with one seat it turns a replica into a queue of textbooks, and every figure can be checked
    by hand. Contexts cost nothing, so equal passes repeat exactly.

    >>> empty = np.empty(0, np.int64)
    >>> first, growth, _ = Linear().seconds(empty, empty, 5, 900.0, 300, np.array([0.01, 0.001]))
    >>> float(first), growth
    (0.015, 0.0)
    """

    fixed: float = 0.01
    "Seconds of each pass."
    token: float = 0.0001
    "Seconds of each token in the pass."

    def __post_init__(self) -> None:
        if not (0 <= self.fixed < float("inf") and 0 <= self.token < float("inf") and self.fixed + self.token > 0):
            raise ValueError(f"fixed and token are seconds, at least one above 0, not {self.fixed} and {self.token}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the two constants."""
        return np.array([self.fixed, self.token])

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; equal passes stay equal."""
        tokens = float(decodes)
        for k in range(len(chunk)):
            tokens += chunk[k]
        return tables[0] + tables[1] * tokens, 0.0, 1e18

    def facts(self) -> dict[str, str | int | float]:
        """Return the two constants."""
        return {"seconds of a pass": self.fixed, "seconds of a token": self.token}
