"""Call plain-Python policies from the loop: one trampoline a verb, the address stands in its memory."""

from typing import Any

from numba import types

from evenly.kernel.calling import caller
from evenly.kernel.compiling import loop
from evenly.kernel.functions.records import DELAY, KEEP, SIZE, WARM

_f, _i = types.float64, types.int64
_keep = caller(_f, (_f, _i, _i))
_warm = caller(_f, (_f, _i))
_delay = caller(_f, (_f, _i))
_size = caller(_i, (_f, _i, _i))


@loop(KEEP.signature)
def keep(now: float, function: int, served: int, functions: Any, gaps: Any, memory: Any) -> Any:
    """Ask a Python keep-alive for how long."""
    return _keep(_i(memory[0]), (now, function, served))


@loop(WARM.signature)
def warm(now: float, function: int, functions: Any, gaps: Any, memory: Any) -> Any:
    """Ask a Python keep-alive when to start a pod ahead."""
    return _warm(_i(memory[0]), (now, function))


@loop(DELAY.signature)
def delay(now: float, function: int, functions: Any, memory: Any) -> Any:
    """Ask a Python delay."""
    return _delay(_i(memory[0]), (now, function))


@loop(SIZE.signature)
def size(now: float, pool: int, window: int, demand: Any, memory: Any) -> Any:
    """Ask a Python pool size."""
    return _size(_i(memory[0]), (now, pool, window))
