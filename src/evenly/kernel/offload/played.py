"""A plan as it goes where costs are not those that it was made for."""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.offload.records import (
    BEGIN,
    CPU,
    DEVICE,
    END,
    FIRST,
    PER_EXPERT,
    PER_TOKEN,
    READY,
    SENT,
    SIDE,
    TRANSFER,
)


@helper
def following(plan: Any, done: Any, column: int, side: float) -> int:
    """Return who is next in the order of the plan by a column: of a side, or of the transfers if `side` is below 0."""
    found = -1
    for e in range(len(plan)):
        ours = not np.isnan(plan[e, column]) and (side < 0.0 or plan[e, SIDE] == side)
        if ours and np.isnan(done[e, column]) and (found < 0 or plan[e, column] < plan[found, column]):
            found = e
    return found


@helper
def played(plan: Any, done: Any, loads: Any, link: float, costs: Any) -> float:
    """Fill `done` with the plan in its own order at these costs; return the seconds until both sides have ended."""
    for e in range(len(plan)):
        done[e, SIDE], done[e, READY] = plan[e, SIDE], plan[e, READY]
        done[e, BEGIN], done[e, END], done[e, SENT] = np.nan, np.nan, np.nan
    e = following(plan, done, SENT, -1.0)
    while e >= 0:
        done[e, SENT], done[e, READY] = link, link + costs[TRANSFER]
        link += costs[TRANSFER]
        e = following(plan, done, SENT, -1.0)
    device, cpu = 0.0, 0.0
    e = following(plan, done, BEGIN, DEVICE)
    while e >= 0:
        done[e, BEGIN] = max(device, done[e, READY])
        device = done[e, BEGIN] + costs[PER_EXPERT]
        done[e, END] = device
        e = following(plan, done, BEGIN, DEVICE)
    e = following(plan, done, BEGIN, CPU)
    while e >= 0:
        done[e, BEGIN] = cpu
        cpu += (costs[FIRST] if cpu == 0.0 else 0.0) + costs[PER_TOKEN] * loads[e]
        done[e, END] = cpu
        e = following(plan, done, BEGIN, CPU)
    return max(device, cpu)
