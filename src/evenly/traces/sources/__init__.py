"""Sources of traces: a file, an arrival law, clients that wait for their answers."""

from typing import Protocol

from evenly.core import Catalog, Trace


class Source(Protocol):
    """Produce the requests of a scenario."""

    def draw(self, seed: int) -> Trace:
        """Return a trace; the same seed gives the same trace."""
        ...


sources: Catalog[Source] = Catalog(__name__, Source)
