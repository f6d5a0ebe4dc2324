"""The event loop of replicas with two lanes.

Events at one instant come in the order of the loop for one lane: passes end, requests arrive, passes are composed, the
decodes' before the prompts'.
"""

import math
from typing import Any

import numpy as np
from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving.events import arrival, end, end_dropped, take, upcoming, wake
from evenly.kernel.serving.lane_decodes import start_decodes
from evenly.kernel.serving.lane_prompts import ended, land_prompts, load_link, start_prompts, unload_link
from evenly.kernel.serving.lanes import account, advance, hear, land_decodes, next_event, retime
from evenly.kernel.serving.passes import leave, length, longest_stretch
from evenly.kernel.serving.records import APART, DEVICE, HOOKS, HOST, IDLE, NONE, WORLD, Hooks
from evenly.kernel.serving.run import arrive, fresh
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import lane_of, pool, rules_of, seen


@helper
def end_passes(w: Any, r: int, now: float) -> None:
    """End what ends at `now` on a replica: passes of both lanes, a transfer, and the time of the old shares."""
    p = pool(w, r)
    lane = lane_of(w, r)
    account(w, r, now)
    advance(w, r, now)
    if lane.ready <= now:
        lane.ready = math.inf
        lane.fresh_prompts = 1
        lane.fresh_decodes = 1
    if p.running and p.end <= now:
        land_decodes(w, r)
        p.running = 0
    if lane.phase != IDLE and lane.until <= now:
        if lane.phase == HOST:
            lane.phase = DEVICE
            lane.at = now
        else:
            land_prompts(w, r, now)
    if lane.arrives <= now:
        unload_link(w, r)
    retime(w, r, now)


@helper
def end_left(w: Any, h: Any, now: float, r: int, first: Any) -> int:
    """End the requests of a replica that are done on either lane; return how many."""
    count = 0
    while True:
        i = ended(w, r)
        if i == NONE and pool(w, r).running == 0:
            i = leave(w, h, r)
        if i == NONE:
            return count
        hear(w, i)
        count += end(w, now, i, first)


@helper
def compose_lanes(w: Any, h: Any, now: float, r: int) -> None:
    """Start passes on the lanes that are idle; new shares hold from a lane's first pass after they are ready."""
    p = pool(w, r)
    lane = lane_of(w, r)
    if lane.phase == IDLE and lane.fresh_prompts:
        lane.prompt_share = lane.next_prompts
        lane.fresh_prompts = 0
    apart = rules_of(w).lanes == APART
    if apart:
        load_link(w, r, now)
    if p.running == 0:
        if lane.fresh_decodes:
            lane.decode_share = lane.next_decodes
            lane.fresh_decodes = 0
        start_decodes(w, h, now, r)
        if apart and p.evicted > 0:
            load_link(w, r, now)
    if lane.phase == IDLE and (p.waiting != NONE or p.filling > 0):
        start_prompts(w, h, now, r)
        if p.running and p.passes > 1:  # the prompts took blocks that the stretch counted on, or wait for time
            p.passes = longest_stretch(w, r, p.passes) if p.held == 0 else 1
            p.end = p.start + length(p, p.passes)
    retime(w, r, now)
    lane.free = p.free
    seen(w, r).free = p.free


@loop(types.int64(WORLD, *HOOKS, types.int64[::1], types.int64[::1], types.float64[::1], types.int64[::1], types.int64))
def serve_lanes(
    w: Any,
    choose: Any,
    rank: Any,
    budget: Any,
    admit: Any,
    score: Any,
    retain: Any,
    learn: Any,
    seconds: Any,
    first: Any,
    tree: Any,
    ends: Any,
    pending: Any,
    until: int,
) -> int:
    """Run until `until` more requests have ended, nothing is left, or a window is over; return how many have.

    The state is that of `run.serve`; `first[3]` is the replica whose window is over, or `NONE`. Called again, the loop
    takes over what was done to that replica meanwhile.
    """
    h = Hooks(choose, rank, budget, admit, score, retain, learn, seconds)
    done = 0
    now = ends[-1]
    if first[3] != NONE:
        ends[first[3]] = next_event(w, first[3])
        settle(tree, ends, first[3])
        first[3] = NONE
    while done < until and first[3] == NONE:
        a = upcoming(w, first)
        coming = arrival(w, a)
        r = tree[1]
        over = ends[r]
        woken = NONE
        if over <= now or (first[2] == 0 and over <= coming):
            if math.isinf(over):
                break
            now = over
            ends[r] = math.inf
            settle(tree, ends, r)
            end_passes(w, r, now)
            done += end_left(w, h, now, r, first)
            woken = r
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            woken = arrive(w, h, now, a)
            if woken == NONE:
                done += end(w, now, a, first)
            elif lane_of(w, woken).phase != IDLE:
                woken = NONE
        else:
            for k in range(first[2]):
                r = pending[k]
                end_passes(w, r, now)  # a pass inside a stretch may end at this very instant
                done += end_left(w, h, now, r, first)
                compose_lanes(w, h, now, r)
                done += end_dropped(w, now, r, first)
                ends[r] = next_event(w, r)
                settle(tree, ends, r)
                if rules_of(w).window > 0 and lane_of(w, r).seen >= rules_of(w).window:
                    first[3] = r
            first[2] = 0
        wake(pending, first, woken)
    ends[-1] = now
    return done


def fresh_lanes(replicas: int) -> tuple[Any, Any, Any, Any]:
    """Return the loop's own state at time 0: `first`, `tree`, `ends`, `pending`."""
    first, tree, ends, pending = fresh(replicas)
    return np.append(first, NONE), tree, ends, pending
