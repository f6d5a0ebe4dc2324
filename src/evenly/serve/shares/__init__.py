"""Shares: how much of the device the prompts get and how much the decodes, where each have a lane of their own."""

from typing import Protocol

from evenly.core import Catalog, Floats


class Shares(Protocol):
    """Divide a device between the two lanes of a replica; asked at the start, and then once a window."""

    @property
    def window(self) -> int:
        """Return the passes of both lanes between two looks; 0 asks at the start only."""
        ...

    def split(
        self, x: float, y: float, ttft: Floats, tpot: Floats, limits: tuple[float, float], memory: Floats
    ) -> tuple[float, float]:
        """Return the percent of the device that prompts and decodes get, each above 0 and at most 100.

        `x` and `y` are those that hold; `ttft` the seconds to the first token of the requests that got it in the
        window, `tpot` the mean seconds a token of those that decoded in it, both empty at the start; `limits` the
        SLOs of both, infinite where there is none. More than 100 in all means that both compete. `memory` is kept
        from look to look, one a replica.
        """
        ...


shares: Catalog[Shares] = Catalog(__name__, Shares)
