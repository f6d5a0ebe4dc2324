"""Places on the device: who leaves when somebody comes."""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.offload.records import EVICTIONS, PEAK, STAGED

NOBODY: Any = np.int64(-1)


@helper
def lowest(asked: Any, value: Any, at: Any, staged: Any) -> int:
    """Return who leaves first of those with a place for good that nobody asks for; `NOBODY` if there is none."""
    found = NOBODY
    for e in range(len(value)):
        free = at[e] < np.inf and not staged[e] and asked[e] == 0
        if free and (found == NOBODY or value[e] < value[found]):
            found = np.int64(e)
    return found


@helper
def enter(
    expert: int, time: float, asked: Any, value: Any, at: Any, staged: Any, moves: bool, clock: Any, sums: Any
) -> int:
    """Let an expert come at a time: in the place of another, whose number is returned, or beside all others."""
    victim = lowest(asked, value, at, staged) if moves else NOBODY
    at[expert] = time
    if victim != NOBODY:
        at[victim] = np.inf
        sums[EVICTIONS] += 1.0
    else:
        staged[expert] = True
        clock[STAGED] += 1.0
        clock[PEAK] = max(clock[PEAK], clock[STAGED])
    return victim


@helper
def leave(at: Any, staged: Any, clock: Any) -> None:
    """Let go of those who stand beside the others."""
    for e in range(len(at)):
        if staged[e]:
            staged[e] = False
            at[e] = np.inf
            clock[STAGED] -= 1.0
