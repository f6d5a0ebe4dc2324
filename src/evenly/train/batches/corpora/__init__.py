"""How long the sequences of a data set are."""

from typing import Protocol

import numpy as np

from evenly.core import Catalog, Ints


class Corpus(Protocol):
    """Draw the lengths of sequences in tokens."""

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        """Return the lengths of `count` sequences in the order in which they are trained on, all at least 1."""
        ...


corpora: Catalog[Corpus] = Catalog(__name__, Corpus)
