"""Prefetches: what the link brings for layers to come while nobody waits for it."""

from typing import ClassVar, Protocol

from evenly.core import Catalog, Floats


class Prefetch(Protocol):
    """Rank the experts that the gates of later layers predict from the hidden state of this one.

    `worth` is a static method and compiled; it is asked again after every transfer. What a layer waits for goes first,
    and a transfer that has begun goes on.
    """

    reach: ClassVar[int]
    "For how many layers ahead."
    patient: ClassVar[bool]
    "Whether a transfer begins only if it ends before the routing of the next layer is known, which may need the link."

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        """Return what a missing expert is worth there; nothing at 0 or below. Equal worth: near layers first.

        `gain` are the seconds by which its layer, as predicted, would end earlier; `score` is its predicted
        probability, `ahead` how many layers on it is, from 1.
        """
        ...


prefetches: Catalog[Prefetch] = Catalog(__name__, Prefetch)
