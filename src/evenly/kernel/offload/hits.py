"""The loop over passes and layers of a cache alone, without time."""

from typing import Any

import numpy as np
from numba import types

from evenly.kernel.compiling import loop
from evenly.kernel.offload import records
from evenly.kernel.offload.places import enter, leave


@loop(
    types.int64(
        records.TOUCH,
        records.COUNTS,
        records.CUBE,
        records.CUBE,
        records.COUNTS,
        types.boolean,
        records.ROW,
        records.TABLE,
        records.TABLE,
        records.FLAGS,
        records.ROW,
        records.ROW,
        types.int64,
    )
)
def visit(
    touch: Any,
    loads: Any,
    scores: Any,
    ranks: Any,
    following: Any,
    moves: bool,
    memory: Any,
    value: Any,
    at: Any,
    staged: Any,
    clock: Any,
    sums: Any,
    skip: int,
) -> int:
    """Bring whatever is missing, at once; return the hits after the first `skip` passes."""
    hits = 0
    layers, experts = at.shape
    for t in range(len(loads)):
        for k in range(layers):
            for e in range(experts):
                here = at[k, e] < np.inf
                hits += here and loads[t, k, e] > 0 and t >= skip
                value[k, e] = touch(
                    value[k, e],
                    here,
                    loads[t, k, e],
                    scores[t, k, e],
                    ranks[t, k, e],
                    t + 1,
                    following[t, k, e],
                    memory,
                )
            for e in range(experts):
                if loads[t, k, e] > 0 and at[k, e] == np.inf:
                    enter(e, 0.0, loads[t, k], value[k], at[k], staged[k], moves, clock, sums)
            leave(at[k], staged[k], clock)
    return hits
