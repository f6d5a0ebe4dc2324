"""Blocks that stay after a request's end, because the next turn of its program will ask for them.

The requests that keep blocks form a list through `next`; `rank` says until when and `child` how many. Each of these
blocks has one owner more, so it is in no free queue. They are let go when their time is over and no next turn waits,
when the next turn has its seat, and when they are all that keeps a replica from going on.
"""

import math
from typing import Any

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving import prefix
from evenly.kernel.serving.records import LEARN, NONE
from evenly.kernel.serving.views import pool, request_at, rules_of


@loop(LEARN.signature)
def unheard(now: float, request: int, requests: Any, memory: Any) -> None:
    """Stand for the ears of a retention that learns nothing."""


@helper
def keep(w: Any, h: Any, now: float, r: int, i: int, tokens: int) -> None:
    """Keep the full blocks of a request that ended with `tokens` computed tokens, as long as the policy says."""
    request = request_at(w, i)
    blocks = tokens // rules_of(w).block
    if request.last_turn or blocks == 0:
        return
    seconds = h.retain(now, i, w.requests, w.retain_memory)
    if not seconds > 0.0:
        return
    for place in range(blocks):
        block = prefix.find(w, r, prefix.content(w, i, place))
        if w.owners[r, block] == 0:
            prefix.unlink(w, r, block)
        w.owners[r, block] += 1
    request.kept = 1
    request.rank = now + seconds
    request.child = blocks
    request.next = pool(w, r).kept
    pool(w, r).kept = i


@helper
def let_go(w: Any, r: int, i: int) -> None:
    """Give back the blocks that a request keeps, last block first."""
    request = request_at(w, i)
    place = request.child - 1
    while place >= 0:
        block = prefix.find(w, r, prefix.content(w, i, place))
        w.owners[r, block] -= 1
        if w.owners[r, block] == 0:
            prefix.append(w, r, block)
        place -= 1
    request.kept = 0
    if pool(w, r).kept == i:
        pool(w, r).kept = request.next
        return
    k = pool(w, r).kept
    while request_at(w, k).next != i:
        k = request_at(w, k).next
    request_at(w, k).next = request.next


@helper
def expire(w: Any, r: int, now: float) -> None:
    """Let go what was kept until now, unless its next turn waits for a seat."""
    i = pool(w, r).kept
    while i != NONE:
        after = request_at(w, i).next
        if request_at(w, i).kept == 1 and request_at(w, i).rank <= now:
            let_go(w, r, i)
        i = after


@helper
def next_expiry(w: Any, r: int) -> float:
    """Return when the next kept blocks may be let go."""
    first = math.inf
    i = pool(w, r).kept
    while i != NONE:
        if request_at(w, i).kept == 1:
            first = min(first, request_at(w, i).rank)
        i = request_at(w, i).next
    return first


@helper
def give_up(w: Any, r: int) -> bool:
    """Let go the blocks that would be kept longest, the latest ones on a tie; tell whether there were any."""
    i = pool(w, r).kept
    last = i
    while i != NONE:
        if request_at(w, i).rank > request_at(w, last).rank:
            last = i
        i = request_at(w, i).next
    if last != NONE:
        let_go(w, r, last)
    return last != NONE


@helper
def expect(w: Any, r: int, i: int, stays: bool) -> int:
    """Note that the next turn of what is kept came: it waits on replica `r`, or went elsewhere or was refused.

    Return the replica that let blocks go, or `NONE`.
    """
    j = request_at(w, i).parent
    if j == NONE or request_at(w, j).kept != 1:
        return NONE
    if stays and request_at(w, j).replica == r:
        request_at(w, j).kept = 2
        return NONE
    let_go(w, request_at(w, j).replica, j)
    return request_at(w, j).replica


@helper
def settle_kept(w: Any, r: int, i: int) -> None:
    """Let go what was kept for a request that has its seat now."""
    j = request_at(w, i).parent
    if j != NONE and request_at(w, j).kept != 0:
        let_go(w, request_at(w, j).replica, j)
