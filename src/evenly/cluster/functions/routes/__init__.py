"""Routes: which region serves a call."""

from typing import Protocol

from evenly.core import Array, Catalog, Floats


class Route(Protocol):
    """Choose the region that serves a call, as it comes.

    `function` is the row of its function in the region where it comes; with n regions, the rows of a function are those
    from `function - function % n` on, in the order of the regions. `functions[row].warm` is 1 where a pod that has
    started has room for the call, `functions[row].usual` the median of cold starts in that region, in seconds;
    `latency[here, there]` are the seconds there and back, shape [n, n]. Other fields as for keep-alives.
    """

    def choose(self, now: float, function: int, functions: Array, latency: Floats, memory: Floats) -> int:
        """Return the row of the function in that region."""
        ...


routes: Catalog[Route] = Catalog(__name__, Route)
