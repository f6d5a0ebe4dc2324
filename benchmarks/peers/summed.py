"""The price that aisimulate's replay puts on a pass with both prompts and decodes."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.costs.profile import Profile
from evenly.hardware.device import Device
from evenly.hardware.model import Model

NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Summed:
    """Charge a mixed pass as a pass of its prompts plus a pass of its decodes: the weights are read twice."""

    profile: Profile
    "Price of each of the two."

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the tables of the profile."""
        return self.profile.tables(model, device, tensor)

    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return `(first, growth, passes)`, as `Cost.seconds` does."""
        price = Profile.seconds
        if len(chunk) == 0 or decodes == 0:
            return price(chunk, before, decodes, resident, longest, tables)
        prompts = price(chunk, before, 0, 0.0, 0, tables)[0]
        return prompts + price(NONE, NONE, decodes, resident, longest, tables)[0], 0.0, 1.0

    def facts(self) -> dict[str, str | int | float]:
        """Return what was assumed."""
        return {**self.profile.facts(), "mixed pass": "prompts and decodes priced as two passes"}
