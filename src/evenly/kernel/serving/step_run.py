"""The event loop of replicas that keep step: microbatches of a pipeline, and ranks that share a feed-forward network.

A crew is one copy of a model: `stages` microbatches, each of one or more ranks, and every one of them a replica with
its own queue and KV blocks. All of them compose at one instant. In the window that follows, each stage works on each
microbatch once, so the slowest microbatch sets the pace and the window lasts `stages` times as long. A microbatch is as
slow as its slowest rank, plus what its ranks compute together. `members` lists the replicas of each crew, microbatches
before ranks; crews may differ in stages, ranks, and the numbers of their cost model. Those of one kind are numbered
crew after crew, so that round robin deals requests to crews, then microbatches, then ranks.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving.compose import compose
from evenly.kernel.serving.events import arrival, end, end_dropped, end_served, take, upcoming, wake
from evenly.kernel.serving.passes import interrupt, land, launch, length
from evenly.kernel.serving.records import HOOKS, NONE, WORLD, Hooks
from evenly.kernel.serving.run import arrive, write_log
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, rules_of


@helper
def size(w: Any, g: int) -> int:
    """Return the members of a crew."""
    return pool(w, w.members[g, 0]).mates


@helper
def share_out(w: Any, h: Any, g: int) -> None:
    """Add what the ranks of each microbatch of a crew compute together to the own work of each of them."""
    one = pool(w, w.members[g, 0])
    for first in range(one.stages):
        tokens = 0
        for m in range(first, one.mates, one.stages):
            r = w.members[g, m]
            p = pool(w, r)
            if p.running:
                tokens += p.ran
                for k in range(p.chunks):
                    tokens += w.chunk[r, k]
        if tokens == 0:
            continue
        r = w.members[g, first]
        numbers = w.shared[one.shared : one.shared_end]
        together, _, _ = h.seconds(w.chunk[r, :0], w.before[r, :0], tokens, 0.0, 0, numbers)
        for m in range(first, one.mates, one.stages):
            p = pool(w, w.members[g, m])
            if p.running:
                p.own += together * rules_of(w).slowdown


@helper
def pace(w: Any, g: int) -> int:
    """Return the member of a crew whose own work takes longest, and longest later on among equals."""
    lead = NONE
    for m in range(size(w, g)):
        r = w.members[g, m]
        p = pool(w, r)
        if p.running and (
            lead == NONE
            or p.own > pool(w, lead).own
            or (p.own == pool(w, lead).own and p.own_growth > pool(w, lead).own_growth)
        ):
            lead = r
    return lead


@helper
def stretch(w: Any, g: int, lead: int) -> int:
    """Return how many windows no member has anything new to compose and the same one sets the pace."""
    passes = pool(w, lead).passes
    first = pool(w, lead).own
    growth = pool(w, lead).own_growth
    for m in range(size(w, g)):
        r = w.members[g, m]
        p = pool(w, r)
        if p.running:
            passes = min(passes, p.passes)
            if p.own_growth > growth and passes > 1:
                reach = (first - p.own) / (p.own_growth - growth) * (1.0 - 1e-12)
                passes = min(passes, 1 + int(min(reach, 1e15)))
    return passes


@helper
def set_off(w: Any, h: Any, now: float, g: int) -> float:
    """Start the composed window of a crew; return when its stretch of equal windows ends, infinite if all are idle."""
    for m in range(size(w, g)):
        r = w.members[g, m]
        launch(w, h, now, r)
        pool(w, r).own = pool(w, r).first
        pool(w, r).own_growth = pool(w, r).growth
    one = pool(w, w.members[g, 0])
    if one.shared_end > one.shared:
        share_out(w, h, g)
    lead = pace(w, g)
    if lead == NONE:
        return math.inf
    passes = stretch(w, g, lead)
    first = one.stages * pool(w, lead).own
    growth = one.stages * pool(w, lead).own_growth
    for m in range(size(w, g)):
        r = w.members[g, m]
        p = pool(w, r)
        if p.running:
            p.first = first
            p.growth = growth
            p.passes = passes
            p.end = now + length(p, passes)
    return pool(w, lead).end


@helper
def come_in(w: Any, r: int) -> None:
    """Account for the stretch that ended on a member; it was busy only with its own work."""
    p = pool(w, r)
    own = p.passes * p.own + p.own_growth * (p.passes * (p.passes - 1) // 2)
    if len(w.log) > 0:
        row = w.log_size[0]
        write_log(w, r)
        if row < w.log.shape[0]:
            w.log[row, 8] = own
    land(w, r)
    p.busy += own - (p.end - p.start)
    p.running = 0


@helper
def cut(w: Any, g: int, now: float) -> float:
    """End the stretch of a crew with the window during which `now` falls; return when that is."""
    end = math.inf
    for m in range(size(w, g)):
        r = w.members[g, m]
        if pool(w, r).running:
            interrupt(w, r, now)
            end = pool(w, r).end
    return end


@loop(types.int64(WORLD, *HOOKS, types.int64[::1], types.int64[::1], types.float64[::1], types.int64[::1], types.int64))
def serve_in_step(
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

    The state is that of `run.serve`, of crews in place of replicas.
    """
    h = Hooks(choose, rank, budget, admit, score, retain, learn, seconds)
    done = 0
    now = ends[-1]
    while done < until:
        a = upcoming(w, first)
        coming = arrival(w, a)
        g = tree[1]
        over = ends[g]
        woken = NONE
        if over <= now or (first[2] == 0 and over <= coming):
            if math.isinf(over):
                break
            now = over
            ends[g] = math.inf
            settle(tree, ends, g)
            for m in range(size(w, g)):
                r = w.members[g, m]
                if pool(w, r).running:
                    come_in(w, r)
                    done += end_served(w, h, now, r, first)
            woken = g
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            r = arrive(w, h, now, a)
            if r == NONE:
                done += end(w, now, a, first)
            elif ends[pool(w, r).crew] == math.inf:
                woken = pool(w, r).crew
            elif pool(w, r).waiting == a:
                g = pool(w, r).crew
                ends[g] = cut(w, g, now)
                settle(tree, ends, g)
        else:
            for k in range(first[2]):
                g = pending[k]
                for m in range(size(w, g)):
                    r = w.members[g, m]
                    compose(w, h, now, r)
                    done += end_dropped(w, now, r, first)
                ends[g] = set_off(w, h, now, g)
                settle(tree, ends, g)
            first[2] = 0
        wake(pending, first, woken)
    ends[-1] = now
    return done
