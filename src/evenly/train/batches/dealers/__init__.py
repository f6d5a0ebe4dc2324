"""Where each sequence is computed: its step, rank and micro-batch."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias

from evenly.core import Catalog, Floats, Ints

Step: TypeAlias = list[list[Ints]]
"Of each rank, of each of its micro-batches: the indices of the sequences."


class Dealer(Protocol):
    """Deal sequences, in the order of training, to steps, ranks and micro-batches."""

    def deal(self, lengths: Ints, costs: Floats, ranks: int, batch: int, start: int = 0) -> Iterator[Step]:
        """Yield the steps from the one numbered `start` on.

        `lengths` are tokens and `costs` predicted seconds of the sequences; a global batch is `ranks * batch` of them,
        and those that fill none at the end are left out. Equal arguments give equal steps, wherever they start.
        """
        ...


dealers: Catalog[Dealer] = Catalog(__name__, Dealer)
