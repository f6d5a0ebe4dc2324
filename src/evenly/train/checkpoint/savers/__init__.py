"""Savers: how long training waits for a checkpoint."""

from typing import ClassVar, Protocol

from evenly.core import Catalog, Floats


class Saver(Protocol):
    """Hold training until a checkpoint no longer needs what training is about to do.

    A state is copied and written in pieces, in the order in which the optimizer updates them.
    """

    serialises: ClassVar[bool]
    "Whether all of the state is turned into one stream of bytes before the first of them is written."

    def hold(self, begin: float, copied: Floats, written: Floats) -> tuple[float, Floats]:
        """Return when forward may begin, and when each piece may be updated; moments in seconds.

        `begin` is when the checkpoint was asked for, `copied` and `written` are when each piece was copied to the host
        and written to storage.
        """
        ...


savers: Catalog[Saver] = Catalog(__name__, Saver)
