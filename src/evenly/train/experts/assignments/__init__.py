"""Assignments: which experts compute which tokens, given scores and prices."""

from typing import Protocol

from evenly.core import Bools, Catalog, Floats


class Assignment(Protocol):
    """Send the tokens of a batch to experts."""

    def assign(self, scores: Floats, prices: Floats, active: int) -> Bools:
        """Return which expert computes which token, shape [token, expert]; scores alike, prices by expert."""
        ...


assignments: Catalog[Assignment] = Catalog(__name__, Assignment)
