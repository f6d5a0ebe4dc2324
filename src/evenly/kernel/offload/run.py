"""The loop over passes and layers."""

from typing import Any

import numpy as np
from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.offload import records
from evenly.kernel.offload.link import fill, note, prefetch
from evenly.kernel.offload.places import NOBODY, enter, leave
from evenly.kernel.offload.played import played
from evenly.kernel.offload.records import (
    ACTIVE,
    ASKED,
    ASKS,
    BEGIN,
    COMPUTED,
    CPU,
    CPU_BUSY,
    DEVICE_BUSY,
    END,
    HITS,
    LINK,
    LINK_BUSY,
    NOW,
    ON_CPU,
    OTHER,
    READY,
    ROW_CPU,
    ROW_DEVICE,
    ROW_LINK,
    SECONDS,
    SENT,
    SIDE,
    TRANSFER,
    USED,
)


@helper
def count(loads: Any, at: Any, brought: Any, sums: Any) -> None:
    """Count who is asked for, who of them is there, and which of the prefetched experts were of use."""
    for e in range(len(loads)):
        if loads[e] > 0:
            sums[ACTIVE] += 1.0
            sums[HITS] += at[e] < np.inf
            sums[USED] += brought[e]
        brought[e] = False


@helper
def book(done: Any, loads: Any, place: Any, now: float, clock: Any, sums: Any, log: Any) -> None:
    """Add up what a layer did, and write it down."""
    for e in range(len(loads)):
        if loads[e] == 0:
            continue
        cpu = done[e, SIDE] == CPU
        sums[CPU_BUSY if cpu else DEVICE_BUSY] += done[e, END] - done[e, BEGIN]
        sums[ON_CPU] += cpu
        row = ROW_CPU if cpu else ROW_DEVICE
        note(log, clock, place, row, COMPUTED, e, loads[e], now + done[e, BEGIN], now + done[e, END])
        if not np.isnan(done[e, SENT]):
            note(log, clock, place, ROW_LINK, ASKED, e, loads[e], now + done[e, SENT], now + done[e, READY])


@helper
def arrivals(
    done: Any,
    loads: Any,
    now: float,
    transfer: float,
    value: Any,
    at: Any,
    staged: Any,
    brought: Any,
    moves: bool,
    clock: Any,
    sums: Any,
) -> None:
    """Give a place to what is moved for this layer."""
    for e in range(len(loads)):
        if not np.isnan(done[e, SENT]):
            clock[LINK] = max(clock[LINK], now + done[e, READY])
            sums[ASKS] += 1.0
            sums[LINK_BUSY] += transfer
            victim = enter(e, now + done[e, READY], loads, value, at, staged, moves, clock, sums)
            if victim != NOBODY:
                brought[victim] = False


_COUNTS, _CUBE, _TABLE, _FLAGS, _ROW = records.COUNTS, records.CUBE, records.TABLE, records.FLAGS, records.ROW


@loop(
    types.void(
        types.int64,
        types.int64,
        records.ASSIGN,
        records.TOUCH,
        records.WORTH,
        _COUNTS,
        _CUBE,
        _CUBE,
        _COUNTS,
        _COUNTS,
        _CUBE,
        _ROW,
        _ROW,
        types.int64[::1],
        _ROW,
        _ROW,
        _TABLE,
        _TABLE,
        _FLAGS,
        _FLAGS,
        _ROW,
        _TABLE,
        _TABLE,
        _ROW,
        _TABLE,
        _TABLE,
        _TABLE,
        _TABLE,
        types.int64[::1],
    )
)
def replay(
    first: int,
    last: int,
    assign: Any,
    touch: Any,
    worth: Any,
    loads: Any,
    scores: Any,
    ranks: Any,
    following: Any,
    guessed: Any,
    guess: Any,
    costs: Any,
    believed: Any,
    settings: Any,
    memory: Any,
    fancy: Any,
    value: Any,
    at: Any,
    staged: Any,
    brought: Any,
    clock: Any,
    sums: Any,
    log: Any,
    ready: Any,
    plan: Any,
    done: Any,
    tried: Any,
    gain: Any,
    place: Any,
) -> None:
    """Compute passes `first` to `last`; `settings`: whether arrivals stay, layers ahead, pass to log, patience."""
    moves, reach = settings[0] == 1, settings[1]
    layers, experts = at.shape
    for t in range(first, last):
        begun = clock[NOW]
        for k in range(layers):
            clock[NOW] += costs[OTHER]
            now = clock[NOW]
            clock[LINK] = max(clock[LINK], now)
            place[0], place[1], place[2] = t, k, t == settings[2]
            count(loads[t, k], at[k], brought[k], sums[t])
            for e in range(experts):
                here = at[k, e] < np.inf
                ready[e] = max(0.0, at[k, e] - now) if here else np.inf
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
            free = clock[LINK] - now
            assign(loads[t, k], ready, free, believed, plan)
            seconds = played(plan, done, loads[t, k], free, costs)
            book(done, loads[t, k], place, now, clock, sums[t], log)
            arrivals(
                done, loads[t, k], now, costs[TRANSFER], value[k], at[k], staged[k], brought[k], moves, clock, sums[t]
            )
            until = now + seconds + (costs[OTHER] if t + 1 < len(loads) or k + 1 < layers else 0.0)
            prefetch(
                assign, worth, fancy, guessed[t], guess[t], place, reach, settings[3], until, costs, believed, moves,
                value, at, staged, brought, clock, sums[t], log, ready, tried, gain,
            )  # fmt: skip
            if moves:
                fill(loads[t, k], done, place, until, costs[TRANSFER], value[k], at[k], staged[k], clock, sums[t], log)
            leave(at[k], staged[k], clock)
            clock[NOW] = now + seconds
        sums[t, SECONDS] = clock[NOW] - begun
