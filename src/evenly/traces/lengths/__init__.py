"""Laws of prompt and output length."""

from typing import Protocol

import numpy as np

from evenly.core import Catalog, Ints


class Lengths(Protocol):
    """Draw prompt and output lengths in tokens."""

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return `count` prompt lengths and output lengths, all at least 1."""
        ...


lengths: Catalog[Lengths] = Catalog(__name__, Lengths)
