"""Calls on a pod: they share it, and each is the slower the more there are.

A pod has a clock that counts the seconds of work that each of its calls gets. It runs at 1 while there is one call, and
at 1 / (1 + slowdown (n - 1)) while there are n; a call ends when the clock has gone on by the seconds that it runs
alone. So only the first end of a pod is an event, and whoever comes or goes moves it.
"""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.events import push
from evenly.kernel.functions.pods import create, starting
from evenly.kernel.functions.records import BARE, COLD, FREE, NONE, READY, TAKEN, WAITING


@helper
def pace(w: Any, k: int) -> float:
    """Return the seconds in which the clock of a pod goes on by one."""
    return float(1.0 + w.rules[0].slowdown * (w.pods[k].running - 1))


@helper
def advance(w: Any, now: float, k: int) -> None:
    """Let a pod run up to now; until it has started nothing runs."""
    pod = w.pods[k]
    if now > pod.at:
        if pod.running > 0:
            pod.busy += now - pod.at
            pod.clock += (now - pod.at) / pace(w, k)
        pod.at = now


@helper
def seat(w: Any, now: float, i: int, k: int) -> None:
    """Let a pod run a call, from when it has started; `schedule` is to follow."""
    call, pod = w.calls[i], w.pods[k]
    advance(w, now, k)
    if pod.running == 0:
        w.functions[pod.function].pods += 1
        pod.clock = 0.0
        if not math.isnan(pod.since):
            pod.idle += now - pod.since
        pod.since = math.nan
        pod.until = math.inf
    call.start = max(now, pod.ready)
    call.pod = k
    call.state = TAKEN
    call.target = pod.clock + call.seconds
    call.beside = pod.call
    pod.call = i
    pod.running += 1


@helper
def schedule(w: Any, k: int) -> None:
    """Push when the first call of a pod ends, unless that event is there already."""
    pod = w.pods[k]
    first = math.inf
    i = pod.call
    while i != NONE:
        first = min(first, w.calls[i].target)
        i = w.calls[i].beside
    due = pod.at + max(first - pod.clock, 0.0) * pace(w, k)
    if due != pod.due:
        pod.due = due
        push(w, due, FREE, k)


@helper
def leave(w: Any, now: float, k: int) -> int:
    """End the call of a pod that is due, of several the one that came first; return it."""
    pod = w.pods[k]
    advance(w, now, k)
    pod.due = math.inf
    first, before, behind = pod.call, NONE, NONE
    i = pod.call
    while i != NONE:
        if w.calls[i].target <= w.calls[first].target:  # later in the list is earlier on the pod
            first, before = i, behind
        behind = i
        i = w.calls[i].beside
    if before == NONE:
        pod.call = w.calls[first].beside
    else:
        w.calls[before].beside = w.calls[first].beside
    w.calls[first].end = now
    pod.running -= 1
    pod.served += 1
    if pod.running == 0:
        w.functions[pod.function].pods -= 1
    return int(first)


@helper
def fill(w: Any, now: float, k: int) -> None:
    """Give the room of a pod to calls that wait for one."""
    pod = w.pods[k]
    i = NONE
    while pod.running < w.rules[0].concurrency:
        i = waiting(w, pod.function)
        if i == NONE:
            break
        seat(w, now, i, k)
    if pod.running > 0:
        schedule(w, k)


@helper
def waiting(w: Any, f: int) -> int:
    """Take the first call that waits for a pod of a function; return it, or `NONE`."""
    function = w.functions[f]
    i = function.head
    while i != NONE and w.calls[i].state != WAITING:
        i = w.calls[i].next
    function.head = w.calls[i].next if i != NONE else NONE
    return int(i)


@helper
def take(w: Any, now: float, i: int, k: int) -> None:
    """Give a call the pod on top of its function's stack."""
    pod = w.pods[k]
    seat(w, now, i, k)
    schedule(w, k)
    if pod.running == w.rules[0].concurrency:
        w.functions[pod.function].open = pod.next
        pod.offered = 0


@helper
def start(w: Any, now: float, i: int, why: int) -> None:
    """Let a call that has waited long enough start cold: on the pod that is starting already, or on one of its own."""
    call = w.calls[i]
    call.began = now
    call.why = why
    function = w.functions[call.site]
    concurrency = w.rules[0].concurrency
    k = function.coming
    if k == NONE:
        cold = starting(w, now, call.site, i, COLD, BARE)
        call.allocation = cold - w.starts[i, call.site % w.rules[0].regions, BARE]
        k = create(w, now, call.site, now + cold)
        if concurrency > 1:
            function.coming = k
            push(w, now + cold, READY, k)
    seat(w, now, i, k)
    schedule(w, k)
    if w.pods[k].running == concurrency:
        function.coming = NONE
