"""Laws of what agent programs do between two turns, and for how long."""

from typing import Protocol

import numpy as np

from evenly.core import Catalog, Floats, Ints


class Tools(Protocol):
    """Draw the tools that are called and the seconds that the calls take."""

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return codes of `count` tools, from 0, and the seconds of each call."""
        ...


tools: Catalog[Tools] = Catalog(__name__, Tools)
