"""Call plain-Python policies from the loop: one trampoline a verb, the address stands in its memory."""

from typing import Any

from numba import types

from evenly.kernel.calling import caller
from evenly.kernel.compiling import loop
from evenly.kernel.functions.records import CHOOSE, DELAY, EXPECT_AT, KEEP, SIZE, WAIT, WARM_AT

_f, _i = types.float64, types.int64
_counted = caller(_f, (_f, _i, _i))
_moment = caller(_f, (_f, _i))
_size = caller(_i, (_f, _i, _i))
_choose = caller(_i, (_f, _i))


@loop(KEEP.signature)
def keep(now: float, function: int, served: int, functions: Any, gaps: Any, memory: Any) -> Any:
    """Ask a Python keep-alive for how long."""
    return _counted(_i(memory[0]), (now, function, served))


@loop(WARM_AT.signature)
def warm(now: float, function: int, functions: Any, gaps: Any, memory: Any) -> Any:
    """Ask a Python keep-alive when to start a pod ahead."""
    return _moment(_i(memory[0]), (now, function))


@loop(DELAY.signature)
def delay(now: float, function: int, functions: Any, memory: Any) -> Any:
    """Ask a Python delay."""
    return _moment(_i(memory[0]), (now, function))


@loop(SIZE.signature)
def size(now: float, pool: int, window: int, demand: Any, memory: Any) -> Any:
    """Ask a Python pool size."""
    return _size(_i(memory[0]), (now, pool, window))


@loop(CHOOSE.signature)
def choose(now: float, function: int, functions: Any, latency: Any, memory: Any) -> Any:
    """Ask a Python route."""
    return _choose(_i(memory[0]), (now, function))


@loop(EXPECT_AT.signature)
def expect(at: float, edge: int, steps: int, edges: Any, delays: Any, functions: Any, memory: Any) -> Any:
    """Ask a Python chain when a call is expected."""
    return _counted(_i(memory[0]), (at, edge, steps))


@loop(WAIT.signature)
def wait(now: float, edge: int, edges: Any, delays: Any, functions: Any, memory: Any) -> Any:
    """Ask a Python chain for how long a pod waits for it."""
    return _moment(_i(memory[0]), (now, edge))
