"""What stands for a policy that a run does not have; the loop never asks it."""

from typing import Any

from evenly.kernel.compiling import loop
from evenly.kernel.functions.records import CHOOSE, DELAY, EXPECT_AT, SIZE, WAIT, WARM_AT


@loop(WARM_AT.signature)
def warm(now: float, function: int, functions: Any, gaps: Any, memory: Any) -> float:
    """Never start a pod ahead."""
    return now


@loop(DELAY.signature)
def delay(now: float, function: int, functions: Any, memory: Any) -> float:
    """Let no call wait."""
    return 0.0


@loop(SIZE.signature)
def size(now: float, pool: int, window: int, demand: Any, memory: Any) -> int:
    """Hold no pod."""
    return 0


@loop(CHOOSE.signature)
def choose(now: float, function: int, functions: Any, latency: Any, memory: Any) -> int:
    """Serve every call where it comes."""
    return function


@loop(EXPECT_AT.signature)
def expect(at: float, edge: int, steps: int, edges: Any, delays: Any, functions: Any, memory: Any) -> float:
    """Expect no call."""
    return at


@loop(WAIT.signature)
def wait(now: float, edge: int, edges: Any, delays: Any, functions: Any, memory: Any) -> float:
    """Wait for no call."""
    return 0.0
