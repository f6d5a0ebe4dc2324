"""How long a sequence takes."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints


class Effort(Protocol):
    """Tell how long each sequence takes, forward and backward."""

    def seconds(self, lengths: Ints, attended: Ints | None = None) -> Floats:
        """Return the seconds of each sequence of so many tokens.

        `attended` are the lengths at which attention computes them, at least their own, which they are by default.
        """
        ...


efforts: Catalog[Effort] = Catalog(__name__, Effort)
