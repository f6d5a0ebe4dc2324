"""The event loop of crews that compute prompts and others that go on with them, in step each.

A request is two: the first computes the prompt and gives the first token, the second decodes. Between them keys and
values go over the link of the first crew, one request after the other, and wait there, in its blocks, until the second
one has a seat. So crews of prompts wait while those that decode have no room.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving import heap
from evenly.kernel.serving.compose import compose
from evenly.kernel.serving.events import arrival, take, upcoming, wake
from evenly.kernel.serving.passes import leave
from evenly.kernel.serving.records import HOOKS, NONE, WORLD, ZERO, Hooks
from evenly.kernel.serving.run import fits
from evenly.kernel.serving.seating import blocks_for, dropped, enqueue
from evenly.kernel.serving.step_run import come_in, cut, set_off, size
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, request_at, rules_of, seat_at, seen


@helper
def receive(w: Any, h: Any, now: float, i: int) -> int:
    """Let the router choose among those that do this half; return the replica, or `NONE` if it can never be served."""
    rules = rules_of(w)
    low, high, begin, end = ZERO, rules.apart, ZERO, rules.asked
    if request_at(w, i).parent != NONE:
        low, high, begin, end = rules.apart, len(w.fleet), rules.asked, len(w.choose_memory)
    place = h.choose(now, i, w.requests, w.fleet[low:high], w.choose_memory[begin:end])
    if place < 0 or place >= high - low:  # told when the loop has ended
        request_at(w, i).replica = len(w.fleet)
        return NONE
    r = low + place
    seen(w, r).sent += 1
    request_at(w, i).replica = r
    if not fits(w, r, i):
        return NONE
    enqueue(w, h, now, r, i)
    seen(w, r).work = seen(w, r).queued_tokens * pool(w, r).full + pool(w, r).first
    return r


@helper
def hand_over(w: Any, now: float, r: int, i: int, first: Any) -> None:
    """Send keys and values of a prompt when the link is free; their blocks stay taken."""
    p, request = pool(w, r), request_at(w, i)
    p.free -= blocks_for(w, request.prompt)
    p.least_free = min(p.least_free, p.free)
    request.kept = 1
    one = pool(w, w.members[p.crew, 0])
    one.link = max(one.link, now) + rules_of(w).link_wait + request.prompt * rules_of(w).link_seconds
    later = request_at(w, request.follower)
    later.arrival = later.rank = one.link
    first[1] = heap.push(w.requests, first[1], request.follower)


@helper
def let_go(w: Any, i: int) -> None:
    """Free the blocks in which the keys and values of the second half of a request waited, if they still do."""
    parent = request_at(w, i).parent
    if parent == NONE or request_at(w, parent).kept == 0:
        return
    request_at(w, parent).kept = 0
    p = pool(w, request_at(w, parent).replica)
    p.free += blocks_for(w, request_at(w, parent).prompt)
    pool(w, w.members[p.crew, 0]).freed = 1


@helper
def lose(w: Any, i: int) -> int:
    """Give a half up; return 1, or 2 if the other one never comes."""
    let_go(w, i)
    return 1 if request_at(w, i).follower == NONE else 2


@helper
def land_crew(w: Any, h: Any, now: float, g: int, first: Any) -> int:
    """End the window of a crew; return how many halves ended."""
    done = 0
    for m in range(size(w, g)):
        r = w.members[g, m]
        if not pool(w, r).running:
            continue
        come_in(w, r)
        i = leave(w, h, r)
        while i != NONE:
            if request_at(w, i).follower != NONE:
                hand_over(w, now, r, i, first)
            done += 1
            i = leave(w, h, r)
    return done


@helper
def compose_crew(w: Any, h: Any, now: float, g: int) -> int:
    """Compose on a crew, and let go of what waited for those that got a seat; return how many halves were given up."""
    done = 0
    for m in range(size(w, g)):
        r = w.members[g, m]
        compose(w, h, now, r)
        i = dropped(w, r)
        while i != NONE:
            done += lose(w, i)
            i = dropped(w, r)
        for k in range(pool(w, r).chunks if pool(w, r).carried else 0):
            let_go(w, seat_at(w, r * w.line.shape[1] + w.who[r, k]).request)
    return done


@loop(types.int64(WORLD, *HOOKS, types.int64[::1], types.int64[::1], types.float64[::1], types.int64[::1], types.int64))
def serve_apart(
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
    """Run until `until` more halves have ended (or nothing is left); return how many have.

    The state is that of `step_run.serve_in_step`.
    """
    h = Hooks(choose, rank, budget, admit, score, retain, learn, seconds)
    done = 0
    now = ends[-1]
    while done < until:
        a = upcoming(w, first)
        coming = arrival(w, a)
        g = tree[1]
        over = ends[g]
        if over <= now or (first[2] == 0 and over <= coming):
            if math.isinf(over):
                break
            now = over
            ends[g] = math.inf
            settle(tree, ends, g)
            done += land_crew(w, h, now, g, first)
            wake(pending, first, g)
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            r = receive(w, h, now, a)
            g = pool(w, r).crew if r != NONE else NONE
            if r == NONE:
                done += lose(w, a)
            elif ends[g] == math.inf:
                wake(pending, first, g)
            elif pool(w, r).waiting == a:
                ends[g] = cut(w, g, now)
                settle(tree, ends, g)
        else:
            for k in range(first[2]):
                g = pending[k]
                done += compose_crew(w, h, now, g)
                ends[g] = set_off(w, h, now, g)
                settle(tree, ends, g)
            first[2] = 0
        for g in range(len(w.members)):  # crews of prompts that have room again
            if pool(w, w.members[g, 0]).freed:
                pool(w, w.members[g, 0]).freed = 0
                wake(pending, first, g if ends[g] == math.inf else NONE)
    ends[-1] = now
    return done
