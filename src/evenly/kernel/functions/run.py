"""The loop: arrivals, ends of calls, pods that are ready, alarms, ends of patience, refills of pools.

Events at one instant come in this order: looks at the pools, refills, ends of calls, pods that are ready, pods that are
to be started ahead, arrivals, ends of patience.
"""

import math
from typing import Any

from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.functions import records as r
from evenly.kernel.functions.events import pop, push
from evenly.kernel.functions.pods import account, idle, rest, run, start_ahead, start_for
from evenly.kernel.functions.records import HOOKS, NONE, WORLD, Hooks

ROOM = 8  # events that one step adds at most, refills left out


@helper
def window_of(w: Any, now: float) -> int:
    """Return the number of the window in which pools are asked for pods."""
    return int(now // w.rules[0].window)


@helper
def queue(w: Any, now: float, i: int, patience: float) -> None:
    """Let a call wait for a pod of its function or of its pool."""
    call = w.calls[i]
    function = w.functions[call.function]
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
def waiting(w: Any, f: int) -> int:
    """Take the first call that waits for a pod of a function; return it, or `NONE`."""
    function = w.functions[f]
    i = function.head
    while i != NONE and w.calls[i].state != r.WAITING:
        i = w.calls[i].next
    function.head = w.calls[i].next if i != NONE else NONE
    return int(i)


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
    f = w.calls[i].function
    function = w.functions[f]
    if function.calls > 0:
        w.gaps[f, (function.calls - 1) % r.HISTORY] = now - function.last
    function.calls += 1
    function.last = now
    function.newest = i


@helper
def arrive(w: Any, h: Any, now: float, i: int) -> None:
    """Give a call an idle pod, one that is starting ahead, patience, or a new pod."""
    f = w.calls[i].function
    function = w.functions[f]
    remember(w, now, i)
    k = idle(w, now, f)
    if k != NONE:
        w.functions[f].idle = w.pods[k].next
        w.pods[k].idle += now - w.pods[k].since
        function.pods += 1
        run(w, i, k, now)
    elif function.ahead != NONE:
        k = function.ahead
        function.ahead = NONE
        function.pods += 1
        w.calls[i].began = now
        run(w, i, k, w.pods[k].ready)
    else:
        patience = 0.0
        if w.rules[0].delays == 1 and may_wait(w, f):
            patience = h.delay(now, f, w.functions, w.delay_memory)
        if patience > 0.0:
            queue(w, now, i, patience)
        else:
            start_for(w, now, i, window_of(w, now))
    if w.rules[0].warms == 1:
        set_alarm(w, f, h.warm(now, f, w.functions, w.gaps, w.warm_memory))


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
    if idle(w, now, f) == NONE and function.ahead == NONE:
        start_ahead(w, now, f, function.newest, window_of(w, now))


@helper
def free(w: Any, h: Any, now: float, k: int) -> None:
    """End the call of a pod and give it the next one, or keep it."""
    pod = w.pods[k]
    f = pod.function
    pod.busy += w.calls[pod.call].seconds
    pod.served += 1
    i = waiting(w, f)
    if i != NONE:
        run(w, i, k, now)
        return
    w.functions[f].pods -= 1
    rest(w, now, k, h.keep(now, f, pod.served, w.functions, w.gaps, w.keep_memory))


@helper
def ready(w: Any, h: Any, now: float, k: int) -> None:
    """Keep a pod that was started ahead, unless a call has taken it meanwhile or waits."""
    pod = w.pods[k]
    if pod.call != NONE or pod.served > 0:
        return
    f = pod.function
    if w.functions[f].ahead == k:
        w.functions[f].ahead = NONE
    i = waiting(w, f)
    if i != NONE:
        w.functions[f].pods += 1
        run(w, i, k, now)
        return
    rest(w, now, k, h.keep(now, f, 0, w.functions, w.gaps, w.keep_memory))


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
        start_for(w, now, i, window_of(w, now))


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
    elif what == r.LATEST:
        if w.calls[who].state == r.WAITING:
            start_for(w, now, who, window_of(w, now))
    elif what == r.REFILL:
        refill(w, now, who)
    else:
        look(w, h, now)


@loop(types.int64(WORLD, *HOOKS, types.int64))
def serve(w: Any, keep: Any, warm: Any, delay: Any, size: Any, until: int) -> int:
    """Run until `until` calls have come, or, once all have, until nothing happens any more; return how it ended.

    All state stands in the world, so that a caller can show progress.
    """
    h = Hooks(keep, warm, delay, size)
    state, events, calls = w.state, w.events, w.calls
    while True:
        if state[r.BORN] + 2 >= len(w.pods):
            return r.NO_PODS
        if state[r.HEAPED] + ROOM >= len(events):
            return r.NO_EVENTS
        i = state[r.CALLED]
        if i >= until and i < len(calls):
            return r.DONE
        coming = calls[i].arrival if i < len(calls) else math.inf
        if state[r.HEAPED] > 0:
            time, what, who = events[0].time, events[0].what, events[0].who
            if time < coming or (time == coming and what < r.ARRIVAL):
                pop(w)
                happen(w, h, time, what, who)
                continue
        if i >= len(calls):
            return r.DONE
        state[r.CALLED] = i + 1
        arrive(w, h, coming, i)
