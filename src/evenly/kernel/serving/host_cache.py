"""A second prefix cache in host memory: what requests computed is copied there when they pause, and brought back.

When a request ends and its program goes on, those of its full blocks that the host lacks are copied in the background,
one after another; a block counts as there when its copy is complete. When a request is preempted its blocks are given
to others at once, so the pass waits for their copies. A request that starts takes what the device has cached, then
what the host has; the pass that it starts in waits for the copies. Host blocks are overwritten in the order of their
last use.

`host_link[r, b]` is (previous, next) in that order; a content is found through an open-addressing table.

References: reuse of host copies is that of Shen et al., "FastSwitch", 2024; contexts of paused programs in host memory
that of Abhyankar et al., "InferCept", 2024, and Li et al., "Continuum", 2025.
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving.prefix import content
from evenly.kernel.serving.records import NONE
from evenly.kernel.serving.views import pool, request_at, rules_of

HEAD, TAIL = 0, 1


@helper
def _home(w: Any, key: int) -> int:
    return int(np.uint64(key) >> np.uint64(7)) & (w.host_slots.shape[1] - 1)


@helper
def _place(w: Any, r: int, key: int) -> int:
    """Return the place in the table where a content stands or would stand."""
    place = _home(w, key)
    while w.host_slots[r, place] != 0 and w.host_key[r, w.host_slots[r, place] - 1] != key:
        place = (place + 1) & (w.host_slots.shape[1] - 1)
    return place


@helper
def _forget(w: Any, r: int, block: int) -> None:
    key = w.host_key[r, block]
    if key == 0:
        return
    mask = w.host_slots.shape[1] - 1
    hole = place = _place(w, r, key)
    w.host_key[r, block] = 0
    while True:  # close the gap, so that probing needs no tombstones
        place = (place + 1) & mask
        if w.host_slots[r, place] == 0:
            break
        home = _home(w, w.host_key[r, w.host_slots[r, place] - 1])
        if ((place - home) & mask) >= ((place - hole) & mask):
            w.host_slots[r, hole] = w.host_slots[r, place]
            hole = place
    w.host_slots[r, hole] = 0


@helper
def _use(w: Any, r: int, block: int) -> None:
    """Make a block the one that was used last."""
    if w.host_ends[r, TAIL] == block:
        return
    before, after = w.host_link[r, block, 0], w.host_link[r, block, 1]
    if before == NONE:
        w.host_ends[r, HEAD] = after
    else:
        w.host_link[r, before, 1] = after
    w.host_link[r, after, 0] = before
    tail = w.host_ends[r, TAIL]
    w.host_link[r, tail, 1] = block
    w.host_link[r, block, 0] = tail
    w.host_link[r, block, 1] = NONE
    w.host_ends[r, TAIL] = block


@helper
def host_hits(w: Any, r: int, now: float, i: int, first: int, tokens: int) -> int:
    """Return how many full blocks of `tokens` tokens of request `i`, from block `first` on, the host has."""
    count = 0
    while (first + count + 1) * rules_of(w).block <= tokens:
        block = w.host_slots[r, _place(w, r, content(w, i, first + count))] - 1
        if block < 0 or w.host_ready[r, block] > now:
            break
        count += 1
    return count


@helper
def load(w: Any, r: int, i: int, first: int, count: int) -> None:
    """Copy blocks of a request to the device; the pass being composed waits for them."""
    place = first + count - 1
    while place >= first:  # the tail of a sequence is forgotten first
        _use(w, r, w.host_slots[r, _place(w, r, content(w, i, place))] - 1)
        place -= 1
    pool(w, r).moved += count
    pool(w, r).loaded += count


@helper
def save(w: Any, r: int, now: float, i: int, tokens: int, waits: bool) -> None:
    """Copy the full blocks of a request with `tokens` computed tokens to the host, as far as it lacks them.

    `waits`: the pass being composed waits for the copies.
    """
    p = pool(w, r)
    place = tokens // rules_of(w).block - 1
    if request_at(w, i).last_turn and not waits:
        return
    while place >= 0:
        key = content(w, i, place)
        at = _place(w, r, key)
        block = w.host_slots[r, at] - 1
        if block < 0:
            block = w.host_ends[r, HEAD]
            _forget(w, r, block)
            w.host_slots[r, _place(w, r, key)] = block + 1
            w.host_key[r, block] = key
            p.saved += 1
            if waits:
                p.moved += 1
                w.host_ready[r, block] = now
            else:
                p.host_out = max(p.host_out, now) + rules_of(w).swap_seconds
                w.host_ready[r, block] = p.host_out
        _use(w, r, block)
        place -= 1
