"""Call a policy in plain Python from the loop of a row; its address stands in its memory."""

from typing import Any

from numba import types

from evenly.kernel.calling import caller
from evenly.kernel.compiling import loop
from evenly.kernel.row.records import CHOOSE

_choose = caller(types.int64, (types.float64, types.float64, types.int64, types.int64))


@loop(CHOOSE.signature)
def choose(now: float, p: float, level: int, moving: int, memory: Any) -> Any:
    """Ask a Python policy."""
    return _choose(types.int64(memory[0]), (now, p, level, moving))
