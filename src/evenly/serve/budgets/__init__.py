"""Budgets: how many tokens one pass may compute."""

from typing import Protocol

from evenly.core import Catalog, Floats


class Budget(Protocol):
    """Set the token budget of a pass; asked when the membership of the batch may change."""

    def tokens(self, now: float, decodes: int, resident: int, memory: Floats) -> int:
        """Return the tokens of the next pass, given the running decodes and their context tokens."""
        ...


budgets: Catalog[Budget] = Catalog(__name__, Budget)
