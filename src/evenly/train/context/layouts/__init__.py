"""How the tokens of a sequence are laid out over ranks, and what attention then computes and sends.

Letters: S steps, R ranks.
"""

from dataclasses import dataclass
from typing import Protocol

from evenly.core import Catalog, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Work and traffic of one layer's attention, forward."""

    pairs: Floats
    "Pairs of a query and a key that each rank computes in each step, shape [S, R]."
    sent: float
    "States of tokens that a rank sends in each step of a ring, or in all; one state is the width of the model."
    ring: bool
    "Whether it is sent from rank to rank while the step computes; otherwise nothing computes meanwhile."
    by_heads: bool = False
    "Whether ranks share the heads, so that there are at most as many ranks."


class Layout(Protocol):
    """Lay the tokens of packed documents out over ranks."""

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return what each rank computes and sends for causal attention within documents of so many tokens.

        Documents that do not divide evenly are counted as if a token could be cut.
        """
        ...


layouts: Catalog[Layout] = Catalog(__name__, Layout)
