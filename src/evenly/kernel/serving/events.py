"""What the event loops share: requests to come, those that end, and whoever composes passes at the present instant.

The state of a loop: `first[0]` is the next request of the trace, `first[1]` the heap of arrivals to come, `first[2]`
the number of replicas (or crews) in `pending`, which compose at this instant.
"""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import heap
from evenly.kernel.serving.passes import leave
from evenly.kernel.serving.records import NONE
from evenly.kernel.serving.seating import dropped
from evenly.kernel.serving.views import request_at


@helper
def upcoming(w: Any, first: Any) -> int:
    """Return the request that arrives next, or `NONE`; of those of one instant, that of the trace."""
    requests = w.requests
    while first[0] < len(requests) and requests[first[0]].pause >= 0.0:  # arrives after another one
        first[0] += 1
    a = first[0] if first[0] < len(requests) else NONE
    if first[1] != NONE and requests[first[1]].arrival < arrival(w, a):
        a = first[1]
    return a


@helper
def arrival(w: Any, a: int) -> float:
    """Return when a request arrives, never for `NONE`."""
    return request_at(w, a).arrival if a != NONE else math.inf


@helper
def take(w: Any, first: Any, a: int) -> None:
    """Take an upcoming request from those that are to come."""
    if a == first[1]:
        first[1] = heap.pop(w.requests, a)
    else:
        first[0] += 1


@helper
def end(w: Any, now: float, i: int, first: Any) -> int:
    """Let the requests that waited for the end of `i` arrive after their pause; return 1, the number that ended."""
    follower = request_at(w, i).follower
    while follower != NONE:
        request_at(w, follower).arrival = now + request_at(w, follower).pause
        request_at(w, follower).rank = request_at(w, follower).arrival
        first[1] = heap.push(w.requests, first[1], follower)
        follower = request_at(w, follower).sibling
    return 1


@helper
def end_served(w: Any, h: Any, now: float, r: int, first: Any) -> int:
    """End the requests of a replica whose last token came; return how many."""
    count = 0
    i = leave(w, h, r)
    while i != NONE:
        count += end(w, now, i, first)
        i = leave(w, h, r)
    return count


@helper
def end_dropped(w: Any, now: float, r: int, first: Any) -> int:
    """End the requests that a replica can never serve; return how many."""
    count = 0
    i = dropped(w, r)
    while i != NONE:
        count += end(w, now, i, first)
        i = dropped(w, r)
    return count


@helper
def wake(pending: Any, first: Any, r: int) -> None:
    """Let a replica compose at this instant, unless it is `NONE` or does so already."""
    for k in range(first[2]):
        if pending[k] == r:
            return
    if r != NONE:
        pending[first[2]] = r
        first[2] += 1
