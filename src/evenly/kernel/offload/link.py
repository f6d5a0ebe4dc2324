"""What the link brings while nobody waits for it."""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.offload.places import NOBODY, enter, lowest
from evenly.kernel.offload.records import (
    CPU,
    FILLED,
    FILLS,
    LINK,
    LINK_BUSY,
    LOGGED,
    PREFETCHED,
    PREFETCHES,
    ROW_LINK,
    SIDE,
    TRANSFER,
)


@helper
def note(
    log: Any, clock: Any, place: Any, row: int, what: int, expert: int, tokens: int, begin: float, end: float
) -> None:
    """Write a row of the log, if it is kept and there is room; `place` is pass, layer and whether it is kept."""
    size = int(clock[LOGGED])
    if place[2] == 0 or size == len(log):
        return
    log[size, 0], log[size, 1], log[size, 2], log[size, 3] = place[0], place[1], row, what
    log[size, 4], log[size, 5], log[size, 6], log[size, 7] = expert, tokens, begin, end
    clock[LOGGED] += 1.0


@helper
def weigh(assign: Any, loads: Any, at: Any, believed: Any, ready: Any, plan: Any, gain: Any) -> None:
    """Fill in by how many seconds a layer would end earlier with each missing expert on the device."""
    for e in range(len(loads)):
        ready[e] = 0.0 if at[e] < np.inf else np.inf
    alone = assign(loads, ready, 0.0, believed, plan)
    for e in range(len(loads)):
        gain[e] = 0.0
        if loads[e] == 0 or at[e] < np.inf:
            continue
        twin = 0  # one as heavy gains as much
        while twin < e and not (loads[twin] == loads[e] and at[twin] == np.inf):
            twin += 1
        if twin < e:
            gain[e] = gain[twin]
            continue
        ready[e] = 0.0
        gain[e] = alone - assign(loads, ready, 0.0, believed, plan)
        ready[e] = np.inf


@helper
def best(worth: Any, fancy: Any, guessed: Any, guess: Any, layer: int, depth: int, at: Any, gain: Any) -> int:
    """Return layers ahead (from 0) times experts plus expert of what is worth most, `NOBODY` if nothing is."""
    found, top = NOBODY, 0.0
    experts = guessed.shape[1]
    for d in range(depth):
        for e in range(experts):
            if guessed[layer + 1 + d, e] > 0 and at[layer + 1 + d, e] == np.inf:
                value = worth(gain[d, e], guess[layer + 1 + d, e], d + 1, fancy)
                if value > top:
                    found, top = np.int64(d * experts + e), value
    return found


@helper
def prefetch(
    assign: Any,
    worth: Any,
    fancy: Any,
    guessed: Any,
    guess: Any,
    place: Any,
    reach: int,
    patient: int,
    until: float,
    costs: Any,
    believed: Any,
    moves: bool,
    value: Any,
    at: Any,
    staged: Any,
    brought: Any,
    clock: Any,
    sums: Any,
    log: Any,
    ready: Any,
    plan: Any,
    gain: Any,
) -> None:
    """Bring what is worth most to the layers ahead, one after the other, as long as transfers begin before `until`.

    A `patient` one (1, else 0) begins no transfer that would end later.
    """
    layer = place[1]
    depth = min(reach, len(at) - 1 - layer)
    for d in range(depth):
        weigh(assign, guessed[layer + 1 + d], at[layer + 1 + d], believed, ready, plan, gain[d])
    while clock[LINK] + costs[TRANSFER] * patient < until:
        found = best(worth, fancy, guessed, guess, layer, depth, at, gain)
        if found == NOBODY:
            return
        d, e = found // guessed.shape[1], found % guessed.shape[1]
        there = layer + 1 + d
        asked = guessed[there]
        begin = clock[LINK]
        clock[LINK] += costs[TRANSFER]
        victim = enter(e, clock[LINK], asked, value[there], at[there], staged[there], moves, clock, sums)
        if victim != NOBODY:
            brought[there, victim] = False
        brought[there, e] = True
        sums[PREFETCHES] += 1.0
        sums[LINK_BUSY] += costs[TRANSFER]
        note(log, clock, place, ROW_LINK, PREFETCHED, e, asked[e], begin, clock[LINK])
        weigh(assign, asked, at[there], believed, ready, plan, gain[d])


@helper
def fill(
    loads: Any,
    plan: Any,
    place: Any,
    until: float,
    transfer: float,
    value: Any,
    at: Any,
    staged: Any,
    clock: Any,
    sums: Any,
    log: Any,
) -> None:
    """Bring experts of this layer that the CPU computed and that the cache would rather keep than its lowest.

    They serve later passes only, so none is begun that would end after `until`, when the next layer may need the link.
    """
    while clock[LINK] + transfer < until:
        found = NOBODY
        for e in range(len(loads)):
            missed = loads[e] > 0 and plan[e, SIDE] == CPU and at[e] == np.inf
            if missed and (found == NOBODY or value[e] > value[found]):
                found = np.int64(e)
        victim = lowest(loads, value, at, staged)
        if found == NOBODY or victim == NOBODY or value[victim] >= value[found]:
            return
        begin = clock[LINK]
        clock[LINK] += transfer
        enter(found, clock[LINK], loads, value, at, staged, True, clock, sums)
        sums[FILLS] += 1.0
        sums[LINK_BUSY] += transfer
        note(log, clock, place, ROW_LINK, FILLED, found, loads[found], begin, clock[LINK])
