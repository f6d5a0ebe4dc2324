"""Pods and their pools: allocated, started for a call or ahead of one, offered to calls, idle, released."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.events import push
from evenly.kernel.functions.records import AHEAD, AHEAD_BARE, BORN, NONE, READY, REFILL


@helper
def window_of(w: Any, now: float) -> int:
    """Return the number of the window in which pools are asked for pods."""
    return int(now // w.rules[0].window)


@helper
def account(pool: Any, now: float) -> None:
    """Count the pod-seconds of a pool up to now."""
    pool.seconds += (pool.stock + pool.coming) * (now - pool.at)
    pool.at = now


@helper
def allocate(w: Any, now: float, p: int) -> float:
    """Take a pod from a pool, which then gets another one built; return the seconds of the allocation."""
    rules = w.rules[0]
    if p == NONE:
        return float(rules.scratch)
    pool = w.pools[p]
    account(pool, now)
    if window_of(w, now) < w.demand.shape[1]:
        w.demand[p, window_of(w, now)] += 1
    if pool.stock == 0:
        return float(rules.scratch)
    pool.stock -= 1
    if pool.stock + pool.coming < pool.target:
        pool.coming += 1
        push(w, now + rules.scratch, REFILL, p)
    return float(rules.hit)


@helper
def starting(w: Any, now: float, f: int, i: int, whole: int, bare: int) -> float:
    """Return the seconds that a new pod of a function takes to start, with the draw of a call.

    That is its column `whole`, or, where a pool decides on the allocation, its column `bare` and that.
    """
    region = f % w.rules[0].regions
    if w.rules[0].pooled == 0:
        return float(w.starts[i, region, whole])
    return float(w.starts[i, region, bare] + allocate(w, now, w.functions[f].pool))


@helper
def create(w: Any, now: float, f: int, ready: float) -> int:
    """Record a new pod that will have started at `ready`; return its number."""
    k = w.state[BORN]
    w.state[BORN] = k + 1
    pod = w.pods[k]
    pod.function = f
    pod.edge = NONE
    pod.call = NONE
    pod.next = NONE
    pod.born = now
    pod.ready = ready
    pod.at = ready
    pod.due = math.inf
    pod.since = math.nan
    pod.until = math.inf
    pod.died = math.nan
    return int(k)


@helper
def start_ahead(w: Any, now: float, f: int, edge: int) -> None:
    """Start a pod of a function that no call has asked for, with the draw of its last call, unless one is there.

    `edge` is the one along which its call is expected, or `NONE`.
    """
    function = w.functions[f]
    if function.newest == NONE or function.coming != NONE or top(w, now, f) != NONE:
        return
    cold = starting(w, now, f, function.newest, AHEAD, AHEAD_BARE)
    function.coming = create(w, now, f, now + cold)
    w.pods[function.coming].edge = edge
    push(w, now + cold, READY, function.coming)


@helper
def rest(w: Any, now: float, k: int, keep: float) -> None:
    """Keep a pod idle for so many seconds, or release it."""
    pod = w.pods[k]
    w.functions[pod.function].freed = k
    pod.since = now
    pod.until = now + max(keep, 0.0)
    if not keep > 0.0:
        pod.until = now
        pod.died = now


@helper
def offer(w: Any, now: float, k: int) -> None:
    """Put a pod that lives and has room for a call on top of its function's stack, unless it stands in it."""
    pod = w.pods[k]
    if pod.offered == 0 and pod.running < w.rules[0].concurrency and pod.until > now:
        pod.offered = 1
        pod.next = w.functions[pod.function].open
        w.functions[pod.function].open = k


@helper
def top(w: Any, now: float, f: int) -> int:
    """Return the pod that had room last and still lives, or `NONE`; those above it are released."""
    k = w.functions[f].open
    while k != NONE and not w.pods[k].until > now:
        w.pods[k].died = w.pods[k].until
        w.pods[k].offered = 0
        k = w.pods[k].next
    w.functions[f].open = k
    return int(k)
