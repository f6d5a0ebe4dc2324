"""Pods: started for a call or ahead of it, busy, idle, released; and the pools that they are taken from."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.events import push
from evenly.kernel.functions.records import BEGUN, BORN, FREE, NONE, READY, REFILL, TAKEN


@helper
def account(pool: Any, now: float) -> None:
    """Count the pod-seconds of a pool up to now."""
    pool.seconds += (pool.stock + pool.coming) * (now - pool.at)
    pool.at = now


@helper
def allocate(w: Any, now: float, p: int, window: int) -> float:
    """Take a pod from a pool, which then gets another one built; return the seconds of the allocation."""
    rules = w.rules[0]
    if p == NONE:
        return float(rules.scratch)
    pool = w.pools[p]
    account(pool, now)
    if window < w.demand.shape[1]:
        w.demand[p, window] += 1
    if pool.stock == 0:
        pool.missed += 1
        return float(rules.scratch)
    pool.stock -= 1
    if pool.stock + pool.coming < pool.target:
        pool.coming += 1
        push(w, now + rules.scratch, REFILL, p)
    return float(rules.hit)


@helper
def create(w: Any, now: float, f: int, ready: float) -> int:
    """Record a new pod that will have started at `ready`; return its number."""
    k = w.state[BORN]
    w.state[BORN] = k + 1
    pod = w.pods[k]
    pod.function = f
    pod.served = 0
    pod.call = NONE
    pod.next = NONE
    pod.born = now
    pod.ready = ready
    pod.busy = 0.0
    pod.idle = 0.0
    pod.died = math.nan
    return int(k)


@helper
def starting(w: Any, now: float, f: int, cold: float, bare: float, window: int) -> float:
    """Return the seconds that a new pod of a function takes to start, `cold` unless a pool decides."""
    if w.rules[0].pooled == 0:
        return cold
    return bare + allocate(w, now, w.functions[f].pool, window)


@helper
def run(w: Any, i: int, k: int, start: float) -> None:
    """Let a pod run a call from `start` on."""
    call = w.calls[i]
    call.start = start
    call.pod = k
    call.state = TAKEN
    w.pods[k].call = i
    w.state[BEGUN] += 1
    push(w, start + call.seconds, FREE, k)


@helper
def start_for(w: Any, now: float, i: int, window: int) -> None:
    """Start a pod for a call."""
    call = w.calls[i]
    f = call.function
    cold = starting(w, now, f, call.cold, call.bare, window)
    call.began = now
    call.allocation = cold - call.bare
    w.functions[f].pods += 1
    run(w, i, create(w, now, f, now + cold), now + cold)


@helper
def start_ahead(w: Any, now: float, f: int, i: int, window: int) -> None:
    """Start a pod of a function that no call has asked for; `i` is its last call, whose draw it takes."""
    call = w.calls[i]
    cold = starting(w, now, f, call.ahead, call.ahead_bare, window)
    k = create(w, now, f, now + cold)
    w.functions[f].ahead = k
    push(w, now + cold, READY, k)


@helper
def rest(w: Any, now: float, k: int, keep: float) -> None:
    """Keep a pod idle for so many seconds, or release it."""
    pod = w.pods[k]
    pod.since = now
    pod.call = NONE
    if not keep > 0.0:
        pod.until = now
        pod.died = now
        return
    pod.until = now + keep
    pod.next = w.functions[pod.function].idle
    w.functions[pod.function].idle = k


@helper
def idle(w: Any, now: float, f: int) -> int:
    """Return the idle pod that ran last and is still kept, or `NONE`; those above it are released."""
    k = w.functions[f].idle
    while k != NONE and not w.pods[k].until > now:
        w.pods[k].died = w.pods[k].until
        k = w.pods[k].next
    w.functions[f].idle = k
    return int(k)
