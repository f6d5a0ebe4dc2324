"""Schedulers: where each expert of a layer is computed, and which experts are moved for it."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints


class Scheduler(Protocol):
    """Divide the experts of one layer between CPU and device, once its routing is known.

    `assign` is a static method and compiled. `loads[e]` are the tokens of expert e, 0 if nobody asks for it; `ready[e]`
    the seconds until it is on the device, infinite if it is not on its way; `link` those until the link is free.
    `costs` are the seconds of a transfer, of an expert on the device, of the first expert on the CPU, of a token on the
    CPU. `plan[e]` gets the side (0 CPU, 1 device, -1 not asked for), begin, end, when its transfer begins (NaN: none)
    and when it is on the device (infinite: never).
    """

    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        """Fill in the plan; return the seconds until both sides have ended."""
        ...


schedulers: Catalog[Scheduler] = Catalog(__name__, Scheduler)
