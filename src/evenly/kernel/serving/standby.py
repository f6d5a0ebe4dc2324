"""Replicas that start, open, close and stop, and the requests that wait until one is open."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import prefix
from evenly.kernel.serving.elastic_records import CLOSED, OFF, OPEN, STARTING
from evenly.kernel.serving.records import NONE
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, request_at, rules_of, seen


@helper
def standby(e: Any, r: int) -> Any:
    """Return the state of a replica as one that comes and goes."""
    return e.standby[r]


@helper
def control(e: Any) -> Any:
    """Return the state of the fleet."""
    return e.control[0]


@helper
def scaling(e: Any) -> Any:
    """Return the rules of the fleet."""
    return e.scaling[0]


@helper
def plan(e: Any, r: int, due: float) -> None:
    """Note when a replica has started or stops."""
    e.due[r] = due
    settle(e.due_tree, e.due, r)


@helper
def count(e: Any, now: float, more: int) -> None:
    """Count the request-seconds up to now, from when on there are so many requests more."""
    c = control(e)
    c.area += c.total * (now - c.at)
    c.at = now
    c.total += more


@helper
def find(e: Any, state: int) -> int:
    """Return the first replica in a state, or `NONE`."""
    for r in range(len(e.standby)):
        if standby(e, r).state == state:
            return r
    return NONE


@helper
def empty(w: Any, r: int) -> bool:
    """Tell whether nothing is on a replica."""
    p = pool(w, r)
    return p.seated == 0 and p.queue == 0 and p.swapped == NONE


@helper
def start(e: Any, now: float, r: int) -> None:
    """Begin to load the weights of a replica."""
    s = standby(e, r)
    s.state, s.born, s.served, s.idle = STARTING, now, 0, 0
    control(e).starting += 1
    control(e).starts += 1
    plan(e, r, now + scaling(e).start)


@helper
def stop(w: Any, e: Any, now: float, r: int) -> None:
    """Give a replica up with all that it had cached."""
    s, c = standby(e, r), control(e)
    if s.state == OPEN:
        c.open -= 1
    if c.lives < len(e.lives):
        e.lives[c.lives, 0], e.lives[c.lives, 1] = r, s.born
        e.lives[c.lives, 2], e.lives[c.lives, 3] = s.ready, now
        c.lives += 1
    s.alive += now - s.born
    s.state, s.idle = OFF, 0
    seen(w, r).resident, seen(w, r).work = 0, 0.0
    if rules_of(w).cache:
        prefix.clear(w, r)
    plan(e, r, math.inf)


@helper
def reckon(w: Any, e: Any) -> None:
    """Count the replicas that start or serve, as keep-alives see them."""
    busy = 0
    for r in range(len(e.standby)):
        state = standby(e, r).state
        busy += state == STARTING or (state != OFF and not standby(e, r).idle)
    e.functions[0].pods = busy


@helper
def rest(w: Any, e: Any, k: Any, now: float, r: int) -> None:
    """Let a replica on which nothing is wait as long as the keep-alive says, if it may stop at all."""
    s = standby(e, r)
    if s.state != CLOSED and (s.state != OPEN or scaling(e).scales):
        return
    reckon(w, e)
    keep = k.keep(now, 0, s.served, e.functions, e.gaps, e.keep_memory)
    if keep > 0.0:
        plan(e, r, now + keep)
    else:
        expire(w, e, now, r)


@helper
def rest_if_empty(w: Any, e: Any, k: Any, now: float, r: int) -> None:
    """Let a replica rest if it has just become idle."""
    s = standby(e, r)
    if (s.state == OPEN or s.state == CLOSED) and not s.idle and empty(w, r):
        s.idle = 1
        rest(w, e, k, now, r)


@helper
def expire(w: Any, e: Any, now: float, r: int) -> None:
    """Stop an idle replica, unless too few would be left."""
    c = control(e)
    if standby(e, r).state == CLOSED or c.open + c.starting > scaling(e).least:
        stop(w, e, now, r)
    else:
        plan(e, r, math.inf)


@helper
def wait_for_start(w: Any, e: Any, i: int) -> None:
    """Let a request wait until a replica is open."""
    c = control(e)
    request_at(w, i).next = NONE
    if c.lobby == 0:
        c.head = i
    else:
        request_at(w, c.tail).next = i
    c.tail = i
    c.lobby += 1
    c.cold += 1


@helper
def next_waiting(w: Any, e: Any) -> int:
    """Take the first request that waits for a replica; return it, or `NONE`."""
    c = control(e)
    if c.lobby == 0:
        return NONE
    i = c.head
    c.head = request_at(w, i).next
    request_at(w, i).next = NONE
    c.lobby -= 1
    return i


@helper
def wanted(e: Any, level: int) -> int:
    """Return the open replicas of a level."""
    return max(scaling(e).least, level + 1)


@helper
def lightest(w: Any, e: Any) -> int:
    """Return the open replica with the fewest requests, of several the last one."""
    best = NONE
    for r in range(len(e.standby)):
        if standby(e, r).state == OPEN and (
            best == NONE or seen(w, r).waiting + seen(w, r).running <= seen(w, best).waiting + seen(w, best).running
        ):
            best = r
    return best


@helper
def command(w: Any, e: Any, k: Any, now: float, level: int) -> None:
    """Open or close replicas until there are those of a level; the level holds once all of them have started."""
    c = control(e)
    goal = wanted(e, level)
    while c.open + c.starting < goal:
        r = find(e, CLOSED)
        if r == NONE:
            start(e, now, find(e, OFF))
            c.moving = level
            continue
        standby(e, r).state = OPEN
        c.open += 1
        plan(e, r, math.inf)
    while c.open > goal:
        r = lightest(w, e)
        standby(e, r).state = CLOSED
        c.open -= 1
        if standby(e, r).idle:
            rest(w, e, k, now, r)
    if c.moving == NONE:
        c.level = level


@helper
def look(w: Any, e: Any, k: Any, now: float) -> None:
    """Show the scaler the load since its last look, and follow it if no replica starts at its command."""
    c, rules = control(e), scaling(e)
    count(e, now, 0)
    load = c.area / (rules.every * rules.concurrency)
    c.area = 0.0
    level = k.scale(now, load, c.level, c.moving, e.scale_memory)
    if level < 0 or level >= len(e.standby):
        c.refused += 1
        c.wrong = level
    elif c.moving == NONE and level != c.level:
        command(w, e, k, now, level)
    asleep = c.total == 0 and load == 0.0 and c.level == 0 and c.moving == NONE
    c.look = math.inf if asleep else now + rules.every


@helper
def wake(e: Any, now: float) -> None:
    """Start a replica ahead, unless an idle one is there or one is starting."""
    c = control(e)
    c.wake = math.inf
    r = find(e, OFF)
    if c.starting > 0 or r == NONE:
        return
    for other in range(len(e.standby)):
        if standby(e, other).idle:
            return
    start(e, now, r)


@helper
def begun(e: Any, r: int, now: float) -> None:
    """Open a replica that has started, or close it at once if enough are open."""
    s, c = standby(e, r), control(e)
    c.starting -= 1
    s.ready = now
    plan(e, r, math.inf)
    level = c.level if c.moving == NONE else c.moving
    if scaling(e).scales and c.open >= wanted(e, level):
        s.state = CLOSED
    else:
        s.state = OPEN
        c.open += 1
    if c.moving != NONE and c.starting == 0:
        c.level = c.moving
        c.moving = NONE
