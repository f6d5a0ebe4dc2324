"""The loop: arrivals, ends of calls, pods that are ready, alarms, ends of patience, refills of pools.

Events at one instant come in this order: looks at the pools, refills, ends of calls, pods that are ready, pods that are
to be started ahead, arrivals, ends of patience.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.functions import records as r
from evenly.kernel.functions.chains import call_children, count_edges, expect_calls, follow
from evenly.kernel.functions.events import pop, push
from evenly.kernel.functions.pods import account, offer, rest, start_ahead, top, window_of
from evenly.kernel.functions.records import HOOKS, NONE, WORLD, Hooks
from evenly.kernel.functions.seats import fill, leave, start, take

ROOM = 8  # events that one step adds at most, besides refills and calls that calls make


@helper
def queue(w: Any, now: float, i: int, patience: float) -> None:
    """Let a call wait for a pod of its function or of its pool."""
    call = w.calls[i]
    function = w.functions[call.site]
    call.state = r.WAITING
    if function.head == NONE:
        function.head = i
    else:
        w.calls[function.tail].next = i
    function.tail = i
    if w.rules[0].pooled == 1 and function.pool != NONE:
        pool = w.pools[function.pool]
        if pool.head == NONE:
            pool.head = i
        else:
            w.calls[pool.tail].later = i
        pool.tail = i
    push(w, now + patience, r.LATEST, i)


@helper
def may_wait(w: Any, f: int) -> bool:
    """Tell whether there is anything that a call could wait for."""
    function = w.functions[f]
    if function.pods > 0:
        return True
    return bool(w.rules[0].pooled == 1 and function.pool != NONE and w.pools[function.pool].stock == 0)


@helper
def remember(w: Any, now: float, i: int) -> None:
    """Note the arrival of a call in the record of its function."""
    f = w.calls[i].site
    function = w.functions[f]
    if function.calls > 0:
        w.gaps[f, (function.calls - 1) % r.HISTORY] = now - function.last
    function.calls += 1
    function.last = now
    function.newest = i


@helper
def route(w: Any, h: Any, now: float, home: int) -> int:
    """Return the row of a function in the region that serves a call which comes at row `home`."""
    first = home - home % w.rules[0].regions
    for f in range(first, first + w.rules[0].regions):
        w.functions[f].warm = int(top(w, now, f) != NONE)
    f = h.choose(now, home, w.functions, w.latency, w.choose_memory)
    if first <= f < first + w.rules[0].regions:
        return int(f)
    w.state[r.ASTRAY] += 1
    return int(home)


@helper
def reason(w: Any, f: int) -> int:
    """Return why a call finds no pod that has room for it."""
    function = w.functions[f]
    if function.coming != NONE:
        return r.STARTING
    if function.pods > 0:
        return r.BUSY
    return r.FIRST if function.freed == NONE else r.RELEASED


@helper
def arrive(w: Any, h: Any, now: float, i: int) -> None:
    """Give a call a pod that has room, one that is starting, patience, or a new pod."""
    call, rules = w.calls[i], w.rules[0]
    f = call.function
    if rules.routed == 1:
        f = route(w, h, now, f)
    call.site = f
    remember(w, now, i)
    if rules.chained == 1:
        follow(w, now, i)
    k = top(w, now, f)
    if k != NONE:
        take(w, now, i, k)
    else:
        why = reason(w, f)
        patience = 0.0
        if rules.delays == 1 and why != r.STARTING and may_wait(w, f):
            patience = h.delay(now, f, w.functions, w.delay_memory)
        if patience > 0.0:
            queue(w, now, i, patience)
        else:
            call.freed = w.functions[f].freed
            start(w, now, i, why)
    if rules.warms == 1:
        set_alarm(w, f, h.warm(now, f, w.functions, w.gaps, w.warm_memory))
    if rules.chained == 1:
        count_edges(w, call.function)
        if rules.expects == 1:
            expect_calls(w, h, now, call.function)


@helper
def set_alarm(w: Any, f: int, wake: float) -> None:
    """Remember when a pod is to be started ahead; pods for calls after the end of the workload are not."""
    function = w.functions[f]
    function.wake = wake if wake <= w.rules[0].span else math.inf
    if function.wake < function.alarm:
        function.alarm = function.wake
        push(w, function.wake, r.ALARM, f)


@helper
def wake(w: Any, now: float, f: int) -> None:
    """Start a pod ahead if it is time and none is there."""
    function = w.functions[f]
    if function.alarm == now:
        function.alarm = math.inf
    if function.wake > now:
        if function.wake < function.alarm:
            function.alarm = function.wake
            push(w, function.wake, r.ALARM, f)
        return
    function.wake = math.inf
    start_ahead(w, now, f, NONE)


@helper
def settle(w: Any, h: Any, now: float, k: int) -> None:
    """Give the room of a pod to calls that wait; keep it idle if none runs; offer it to those that come."""
    fill(w, now, k)
    pod = w.pods[k]
    if pod.running == 0:
        if pod.served == 0 and pod.edge != NONE:
            keep = h.wait(now, pod.edge, w.edges, w.delays, w.functions, w.wait_memory)
        else:
            keep = h.keep(now, pod.function, pod.served, w.functions, w.gaps, w.keep_memory)
        rest(w, now, k, keep)
    offer(w, now, k)


@helper
def free(w: Any, h: Any, now: float, k: int) -> None:
    """End the call of a pod that is due; an event of a pod whose calls have changed since says nothing."""
    if w.pods[k].due != now:
        return
    i = leave(w, now, k)
    if w.rules[0].chained == 1:
        call_children(w, now, i)
    settle(w, h, now, k)


@helper
def ready(w: Any, h: Any, now: float, k: int) -> None:
    """Offer a pod that has started, unless calls have filled it or one has even ended in this instant."""
    pod = w.pods[k]
    function = w.functions[pod.function]
    if function.coming == k:
        function.coming = NONE
    if pod.served == 0 and pod.running < w.rules[0].concurrency:
        settle(w, h, now, k)


@helper
def refill(w: Any, now: float, p: int) -> None:
    """Put a built pod into its pool, and give it to the first call that waits for it."""
    pool = w.pools[p]
    account(pool, now)
    pool.coming -= 1
    pool.stock += 1
    i = pool.head
    while i != NONE and w.calls[i].state != r.WAITING:
        i = w.calls[i].later
    pool.head = w.calls[i].later if i != NONE else NONE
    if i != NONE:
        start(w, now, i, r.WAITED)


@helper
def look(w: Any, h: Any, now: float) -> None:
    """Ask how large each pool is to be; build or release pods."""
    rules = w.rules[0]
    for p in range(len(w.pools)):
        pool = w.pools[p]
        account(pool, now)
        pool.target = max(0, h.size(now, p, window_of(w, now), w.demand, w.size_memory))
        while pool.stock + pool.coming < pool.target and w.state[r.HEAPED] + 1 < len(w.events):
            pool.coming += 1
            push(w, now + rules.scratch, r.REFILL, p)
        pool.stock -= min(pool.stock, max(0, pool.stock + pool.coming - pool.target))
    if now + rules.window < rules.span:
        push(w, now + rules.window, r.WINDOW, 0)


@helper
def happen(w: Any, h: Any, now: float, what: int, who: int) -> None:
    """Let an event happen."""
    if what == r.FREE:
        free(w, h, now, who)
    elif what == r.READY:
        ready(w, h, now, who)
    elif what == r.ALARM:
        wake(w, now, who)
    elif what == r.EXPECT:
        start_ahead(w, now, w.edges[who].child, who)
    elif what == r.ARRIVAL:
        w.calls[who].arrival = now
        arrive(w, h, now, who)
    elif what == r.LATEST:
        if w.calls[who].state == r.WAITING:
            start(w, now, who, r.WAITED)
    elif what == r.REFILL:
        refill(w, now, who)
    else:
        look(w, h, now)


@loop(types.int64(WORLD, *HOOKS, types.int64))
def serve(w: Any, keep: Any, warm: Any, delay: Any, size: Any, choose: Any, expect: Any, wait: Any, until: int) -> int:
    """Run until `until` calls have come, or, once all have, until nothing happens any more; return how it ended.

    All state stands in the world, so that a caller can show progress.
    """
    h = Hooks(keep, warm, delay, size, choose, expect, wait)
    state, events, calls = w.state, w.events, w.calls
    roots, room = w.rules[0].roots, ROOM + w.rules[0].fan
    while True:
        if state[r.BORN] + 2 >= len(w.pods):
            return r.NO_PODS
        if state[r.HEAPED] + room >= len(events):
            return r.NO_EVENTS
        if state[r.ASTRAY] > 0:
            return r.WRONG_ROUTE
        i = state[r.CALLED]
        if i >= until and i < roots:
            return r.DONE
        coming = calls[i].arrival if i < roots else math.inf
        if state[r.HEAPED] > 0:
            time, what, who = events[0].time, events[0].what, events[0].who
            if time < coming or (time == coming and what < r.ARRIVAL):
                pop(w)
                happen(w, h, time, what, who)
                continue
        if i >= roots:
            return r.DONE
        state[r.CALLED] = i + 1
        arrive(w, h, coming, i)
