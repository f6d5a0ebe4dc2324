"""Roundings: the length at which attention computes each sequence."""

from typing import Protocol

from evenly.core import Catalog, Ints


class Rounding(Protocol):
    """Choose the length at which attention computes each sequence; those of one length share a call.

    All other operators work token by token and never see padding.
    """

    def up(self, lengths: Ints) -> Ints:
        """Return for each sequence a length that is at least its own."""
        ...


roundings: Catalog[Rounding] = Catalog(__name__, Rounding)
