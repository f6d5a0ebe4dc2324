"""Caches: which experts stay on the device."""

from typing import ClassVar, Protocol

from evenly.core import Catalog, Floats


class Cache(Protocol):
    """Rank the experts of a layer: whoever has the lowest value leaves first.

    Each layer begins with those asked for most in a calibration run. `touch` is a static method and compiled; it is
    asked for every expert whenever the routing of its layer is known. Experts that are asked for now never leave.
    """

    moves: ClassVar[bool]
    "Whether what the link brings may take the place of another expert for good."
    by_layers: ClassVar[bool]
    "Whether whole layers begin on the device, not the same number of experts of each."

    @staticmethod
    def touch(
        value: float, here: bool, load: int, score: float, rank: float, now: int, following: int, memory: Floats
    ) -> float:
        """Return the new value of an expert.

        `value` is the old one, at first the share of the passes of the calibration run that asked for it; `here` tells
        whether it is on the device, `load` its tokens now; `score` is its probability in the router, `rank` its place
        by score, from 0, over the number of experts that a token visits; `now` is the number of the pass from 1, and
        `following` that of the next pass that asks for it, which no policy can know but `belady`.
        """
        ...


caches: Catalog[Cache] = Catalog(__name__, Cache)
