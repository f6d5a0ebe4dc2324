"""The event loop of a fleet whose replicas come and go.

Events at one instant come in this order: passes end, the scaler looks, replicas have started or stop, replicas are
started ahead, requests arrive, passes are composed.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving import prefix
from evenly.kernel.serving.compose import compose
from evenly.kernel.serving.elastic_records import ASKED, ELASTIC, OFF, OPEN, STARTING, Asked
from evenly.kernel.serving.events import arrival, end, end_dropped, end_served, take, upcoming
from evenly.kernel.serving.events import wake as let_compose
from evenly.kernel.serving.passes import interrupt, land, launch, tell_flows
from evenly.kernel.serving.records import HOOKS, NONE, WORLD, Hooks
from evenly.kernel.serving.run import fits, write_log
from evenly.kernel.serving.seating import enqueue
from evenly.kernel.serving.standby import (
    begun,
    control,
    count,
    expire,
    find,
    look,
    next_waiting,
    plan,
    reckon,
    rest_if_empty,
    scaling,
    standby,
    start,
    wait_for_start,
    wake,
)
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, request_at, rules_of, seen


@helper
def show(w: Any, e: Any, i: int) -> int:
    """Write down what a router sees of the open replicas; return how many they are."""
    many = 0
    for r in range(len(w.fleet)):
        if standby(e, r).state != OPEN:
            continue
        own, shown = seen(w, r), e.front[many]
        shown.waiting, shown.running, shown.queued_tokens = own.waiting, own.running, own.queued_tokens
        shown.resident, shown.work, shown.free = own.resident, own.work, own.free
        shown.blocks, shown.sent, shown.pace, shown.hit = own.blocks, own.sent, own.pace, 0
        if rules_of(w).hits:
            shown.hit = prefix.hits(w, r, i, request_at(w, i).prompt - 1) * rules_of(w).block
        e.numbers[many] = r
        many += 1
    e.count[0] = many
    return many


@helper
def send(w: Any, e: Any, h: Any, now: float, i: int) -> int:
    """Send a request to an open replica; return it, or `NONE` if the request can never be served there."""
    many = show(w, e, i)
    place = h.choose(now, i, w.requests, e.front[:many], w.choose_memory)
    if place < 0 or place >= many:  # told when the loop has ended; nothing is written outside the arrays
        request_at(w, i).replica = len(w.fleet)
        return NONE
    r = e.numbers[place]
    seen(w, r).sent += 1
    request_at(w, i).replica = r
    if not fits(w, r, i):
        return NONE
    if rules_of(w).flows:
        tell_flows(w, r, now)
    enqueue(w, h, now, r, i)
    seen(w, r).work = seen(w, r).queued_tokens * pool(w, r).full + pool(w, r).first
    if standby(e, r).idle:
        standby(e, r).idle = 0
        plan(e, r, math.inf)
    return r


@helper
def attend(w: Any, e: Any, h: Any, now: float, i: int, first: Any, tree: Any, ends: Any, pending: Any) -> int:
    """Send a request and see that its replica composes; return 1 if it can never be served, else 0."""
    r = send(w, e, h, now, i)
    if r == NONE:
        count(e, now, -1)
        return end(w, now, i, first)
    if ends[r] == math.inf:
        let_compose(pending, first, r)
    elif pool(w, r).waiting == i:
        interrupt(w, r, now)
        ends[r] = pool(w, r).end
        settle(tree, ends, r)
    return 0


@helper
def remember(w: Any, e: Any, k: Any, now: float) -> None:
    """Note the arrival of a request as keep-alives know calls, and ask when a replica is to be started ahead."""
    function = e.functions[0]
    if function.calls > 0:
        e.gaps[0, (function.calls - 1) % e.gaps.shape[1]] = now - function.last
    function.calls += 1
    function.last = now
    if scaling(e).warms:
        reckon(w, e)
        control(e).wake = k.warm(now, 0, e.functions, e.gaps, e.warm_memory)


@helper
def come(w: Any, e: Any, h: Any, k: Any, now: float, i: int, first: Any, tree: Any, ends: Any, pending: Any) -> int:
    """Let a request arrive: on an open replica, or until there is one; return 1 if it can never be served, else 0."""
    c, parent = control(e), request_at(w, i).parent
    request_at(w, i).began = now if parent == NONE else request_at(w, parent).began
    if c.open == 0 and not fits(w, 0, i):
        return end(w, now, i, first)
    count(e, now, 1)
    if scaling(e).scales and math.isinf(c.look):
        c.look = (math.floor(now / scaling(e).every) + 1.0) * scaling(e).every
    done = 0
    if c.open > 0:
        done = attend(w, e, h, now, i, first, tree, ends, pending)
    else:
        wait_for_start(w, e, i)
    if not scaling(e).scales and c.total > scaling(e).concurrency * (c.open + c.starting):
        r = find(e, OFF)
        if r != NONE:
            start(e, now, r)
    remember(w, e, k, now)
    return done


@helper
def change(w: Any, e: Any, h: Any, k: Any, now: float, first: Any, tree: Any, ends: Any, pending: Any) -> int:
    """Let the first thing happen to the fleet that is due now; return how many requests can never be served."""
    c, r, done = control(e), e.due_tree[1], 0
    if c.look <= now:
        look(w, e, k, now)
    elif e.due[r] > now:
        wake(e, now)
    elif standby(e, r).state == STARTING:
        begun(e, r, now)
        i = next_waiting(w, e) if c.open > 0 else NONE
        while i != NONE:
            done += attend(w, e, h, now, i, first, tree, ends, pending)
            i = next_waiting(w, e)
        rest_if_empty(w, e, k, now, r)
    else:
        expire(w, e, now, r)
    return done


@helper
def next_change(e: Any) -> float:
    """Return when something happens to the fleet next."""
    c = control(e)
    return min(e.due[e.due_tree[1]], min(c.look, c.wake))


@helper
def compose_all(w: Any, e: Any, h: Any, k: Any, now: float, first: Any, tree: Any, ends: Any, pending: Any) -> int:
    """Compose a pass on all that are to at this instant; return how many requests were given up."""
    done = 0
    for place in range(first[2]):
        r = pending[place]
        compose(w, h, now, r)
        lost = end_dropped(w, now, r, first)
        count(e, now, -lost)
        done += lost
        launch(w, h, now, r)
        ends[r] = pool(w, r).end
        settle(tree, ends, r)
        rest_if_empty(w, e, k, now, r)
    first[2] = 0
    return done


@helper
def end_pass(w: Any, e: Any, h: Any, k: Any, now: float, r: int, first: Any, pending: Any) -> int:
    """End the pass of a replica; return how many requests ended with it."""
    if len(w.log) > 0:
        write_log(w, r)
    land(w, r)
    done = end_served(w, h, now, r, first)
    count(e, now, -done)
    standby(e, r).served += done
    let_compose(pending, first, r)
    rest_if_empty(w, e, k, now, r)
    return done


@loop(
    types.int64(
        WORLD,
        ELASTIC,
        *HOOKS,
        *ASKED,
        types.int64[::1],
        types.int64[::1],
        types.float64[::1],
        types.int64[::1],
        types.int64,
    )
)
def serve_elastic(
    w: Any,
    e: Any,
    choose: Any,
    rank: Any,
    budget: Any,
    admit: Any,
    score: Any,
    retain: Any,
    learn: Any,
    seconds: Any,
    keep: Any,
    warm: Any,
    scale: Any,
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
    k = Asked(keep, warm, scale)
    done = 0
    now = ends[-1]
    while done < until:
        a = upcoming(w, first)
        coming = arrival(w, a)
        r = tree[1]
        over = ends[r]
        then = next_change(e)
        if over <= now or (first[2] == 0 and over <= min(coming, then)):
            if math.isinf(over):
                break
            now = over
            ends[r] = math.inf
            settle(tree, ends, r)
            done += end_pass(w, e, h, k, now, r, first, pending)
        elif then <= now or (first[2] == 0 and then <= coming):
            if first[2] == 0 and math.isinf(over) and math.isinf(coming) and control(e).lobby == 0:
                break  # nobody is to come or can be served
            now = max(now, then)
            done += change(w, e, h, k, now, first, tree, ends, pending)
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            done += come(w, e, h, k, now, a, first, tree, ends, pending)
        else:
            done += compose_all(w, e, h, k, now, first, tree, ends, pending)
    ends[-1] = now
    return done
