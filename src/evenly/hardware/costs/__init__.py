"""Cost models: how long one forward pass takes."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model


class Cost(Protocol):
    """Say how long one pass takes on one replica.

    `seconds` is a static method. It is compiled once with the signature
    `UniTuple(float64, 3)(int64[::1], int64[::1], int64, float64, int64, float64[::1])`, so it uses plain loops,
    floats and the arrays it is given; helpers it calls stand in its own file and are decorated with `numba.njit`
    only inside it (write it as one function where you can).
    """

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the numbers that `seconds` reads, flat, for `tensor` devices that share each layer."""
        ...

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return `(first, growth, passes)` of a pass.

        `chunk[i]` prompt tokens are computed for a request that already holds `before[i]` tokens; `decodes` other
        requests compute one token each and together read `resident` tokens of context, the longest of them
        `longest`. `first` is the length of this pass in seconds. If the same decodes run again and again, each
        context one token longer each time and no chunk among them, the next passes take `first + growth`,
        `first + 2 * growth`, ... That holds exactly for `passes` passes (1: this one only).
        """
        ...

    def facts(self) -> dict[str, str | int | float]:
        """Return every assumed constant with its source, printed with the result."""
        ...


costs: Catalog[Cost] = Catalog(__name__, Cost)
