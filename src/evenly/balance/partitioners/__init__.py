"""Partitioners: items to parts that weigh alike."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints


class Partitioner(Protocol):
    """Assign items to parts so that the parts weigh alike."""

    def split(self, sizes: Floats, parts: int) -> Ints:
        """Return the part of each item."""
        ...


partitioners: Catalog[Partitioner] = Catalog(__name__, Partitioner)
