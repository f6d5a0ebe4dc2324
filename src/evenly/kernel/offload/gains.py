"""What each missing expert of a layer is worth, for engines that ask outside the loop over layers."""

from typing import Any

from numba import types

from evenly.kernel.compiling import loop
from evenly.kernel.offload import records
from evenly.kernel.offload.link import weigh

_ROW, _TABLE = records.ROW, records.TABLE


@loop(types.void(records.ASSIGN, types.int64[::1], _ROW, _ROW, _ROW, _TABLE, _ROW))
def gains(assign: Any, loads: Any, at: Any, believed: Any, ready: Any, plan: Any, gain: Any) -> None:
    """Fill `gain` with the seconds by which the layer would end earlier with each expert on the device.

    `at[e]` is infinite for those that are missing; `ready` and `plan` are room to work in.
    """
    weigh(assign, loads, at, believed, ready, plan, gain)
