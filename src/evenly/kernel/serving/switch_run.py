"""The event loop of replicas whose seats are switched: arrivals, ends of passes, ends of copies if nobody runs.

Events at one instant come in the order of the loop for one lane: passes end, requests arrive, passes are composed.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving.copies import next_copy, pass_on
from evenly.kernel.serving.events import arrival, end, take, upcoming, wake
from evenly.kernel.serving.passes import interrupt, land, launch, length, tell_flows
from evenly.kernel.serving.present import join
from evenly.kernel.serving.records import HOOKS, NONE, ONE, WORLD, Hooks
from evenly.kernel.serving.run import welcome, write_log
from evenly.kernel.serving.switch import compose_switched, grow_stretch, leave_switched
from evenly.kernel.serving.switch_records import COMING
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, rules_of, seat_at, seat_in_line, seen, switch_of, tier_of


@helper
def come(w: Any, h: Any, now: float, i: int) -> int:
    """Route a request and rank it among those on its replica; return that, or `NONE`."""
    r = welcome(w, h, now, i)
    if r == NONE:
        return NONE
    if rules_of(w).flows:
        tell_flows(w, r, now)
    join(w, h, now, r, i)
    pass_on(w, r, i)
    seen(w, r).work = seen(w, r).queued_tokens * pool(w, r).full + pool(w, r).first
    return r


@helper
def start(w: Any, h: Any, now: float, r: int) -> float:
    """Compose a pass and run it, or wait for a copy; return when the replica is to be looked at again."""
    p = pool(w, r)
    stall = compose_switched(w, h, now, r)
    launch(w, h, now, r)
    if p.running:
        if p.chunks == 0:
            tier_of(w, r).step = p.first
        limit = rules_of(w).redraw - p.steps % rules_of(w).redraw
        p.passes = min(p.passes, limit if stall == 0.0 else ONE)
        p.first += stall
        p.end = now + length(p, p.passes)
        return p.end
    if p.decodes > 0:  # none of them found a page
        p.stalled = 1
    soon = next_copy(w, r)
    for place in range(p.seated if tier_of(w, r).coming > 0 else 0):
        switch = switch_of(w, seat_at(w, seat_in_line(w, r, place)).request)
        if switch.state == COMING:
            soon = min(soon, switch.ready)
    return soon


@helper
def stop(w: Any, r: int) -> None:
    """End the stretch of a replica, if it did not only wait for a copy."""
    if pool(w, r).running:
        if len(w.log) > 0:
            write_log(w, r)
        land(w, r)
        grow_stretch(w, r)


@loop(types.int64(WORLD, *HOOKS, types.int64[::1], types.int64[::1], types.float64[::1], types.int64[::1], types.int64))
def serve_switched(
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
    """Run until `until` more requests have ended (or nothing is left); return how many have.

    The state is that of `run.serve`.
    """
    h = Hooks(choose, rank, budget, admit, score, retain, learn, seconds)
    done = 0
    now = ends[-1]
    while done < until:
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
            stop(w, r)
            i = leave_switched(w, r) if pool(w, r).running else NONE
            while i != NONE:
                done += end(w, now, i, first)
                i = leave_switched(w, r)
            woken = r
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            woken = come(w, h, now, a)
            if woken == NONE:
                done += end(w, now, a, first)
            elif pool(w, woken).running and not math.isinf(ends[woken]):
                interrupt(w, woken, now)
                ends[woken] = pool(w, woken).end
                settle(tree, ends, woken)
                woken = NONE
        else:
            for k in range(first[2]):
                r = pending[k]
                ends[r] = start(w, h, now, r)
                settle(tree, ends, r)
            first[2] = 0
        wake(pending, first, woken)
    ends[-1] = now
    return done
