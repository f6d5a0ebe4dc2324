"""Everybody on a replica whose seats are switched, those who wait and those who run, as one list in order of rank.

The list goes through `next` from `pool.waiting`. Ranks are asked when a request comes, and of all every so many passes.
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving import heap
from evenly.kernel.serving.pages import DEVICE_SIDE, HOST_SIDE, set_urgency
from evenly.kernel.serving.records import DECODING, NONE, ONE, ZERO
from evenly.kernel.serving.seating import FOREVER, blocks_for
from evenly.kernel.serving.switch_records import AWAY
from evenly.kernel.serving.views import flow_at, pool, request_at, rules_of, seat_at, seen, switch_of, tier_of


@helper
def least_need(w: Any, i: int) -> int:
    """Return the pages that a request needs to get a seat."""
    return blocks_for(w, request_at(w, i).prompt + request_at(w, i).generated)


@helper
def wait(w: Any, r: int, i: int, sign: int) -> None:
    """Count a request among those that wait for a seat, or no longer (`sign` is -1)."""
    pool(w, r).queue += sign
    if sign > 0:
        tier_of(w, r).least = min(tier_of(w, r).least, least_need(w, i))
    seen(w, r).waiting += sign
    seen(w, r).queued_tokens += sign * (request_at(w, i).prompt + request_at(w, i).generated)
    if rules_of(w).flows:
        flow_at(w, r, i).waiting += sign


@helper
def join(w: Any, h: Any, now: float, r: int, i: int) -> None:
    """Rank a request that comes, and put it into the list."""
    p = pool(w, r)
    p.sequence += 1
    if rules_of(w).flows and np.isnan(flow_at(w, r, i).first):
        flow_at(w, r, i).first = now
    request = request_at(w, i)
    request.drawn = tier_of(w, r).drawn
    request.rank = h.rank(now, p.sequence, i, w.requests, w.flows[r], w.rank_memory)
    wait(w, r, i, ONE)
    k = p.waiting
    if k == NONE or heap.precedes(w.requests, i, k):
        request.next = k
        p.waiting = i
        return
    while request_at(w, k).next != NONE and not heap.precedes(w.requests, i, request_at(w, k).next):
        k = request_at(w, k).next
    request.next = request_at(w, k).next
    request_at(w, k).next = i


@helper
def quit_list(w: Any, r: int, i: int) -> None:
    """Take a request that is done out of the list."""
    k = pool(w, r).waiting
    if k == i:
        pool(w, r).waiting = request_at(w, i).next
        return
    while request_at(w, k).next != i:
        k = request_at(w, k).next
    request_at(w, k).next = request_at(w, i).next


@helper
def rank_anew(w: Any, h: Any, now: float, r: int) -> None:
    """Ask the ranks of all, and sort the list."""
    p = pool(w, r)
    i = p.waiting
    tier_of(w, r).least = FOREVER
    while i != NONE:
        request = request_at(w, i)
        if switch_of(w, i).state == AWAY:
            tier_of(w, r).least = min(tier_of(w, r).least, least_need(w, i))
        else:
            seat = seat_at(w, switch_of(w, i).seat)
            if seat.state == DECODING:
                request.generated = request.output - (seat.end - p.tick)
        request.drawn = tier_of(w, r).drawn
        request.rank = h.rank(now, ZERO, i, w.requests, w.flows[r], w.rank_memory)
        if switch_of(w, i).row != NONE:
            set_urgency(w, r, DEVICE_SIDE, switch_of(w, i).row, request.rank)
        if switch_of(w, i).slot != NONE:
            set_urgency(w, r, HOST_SIDE, switch_of(w, i).slot, request.rank)
        i = request.next
    p.waiting = sort(w, p.waiting)


@helper
def sort(w: Any, head: int) -> int:
    """Sort a list from `head` through `next`, by merging runs of 1, 2, 4, ... requests; return its new head."""
    size = 1
    while head != NONE:
        rest = head
        head = NONE
        tail = NONE
        merges = 0
        while rest != NONE:
            merges += 1
            one = rest
            left = 0
            while left < size and rest != NONE:
                left += 1
                rest = request_at(w, rest).next
            right = size
            while left > 0 or (right > 0 and rest != NONE):
                if left > 0 and (right == 0 or rest == NONE or not heap.precedes(w.requests, rest, one)):
                    k = one
                    one = request_at(w, one).next
                    left -= 1
                else:
                    k = rest
                    rest = request_at(w, rest).next
                    right -= 1
                if tail == NONE:
                    head = k
                else:
                    request_at(w, tail).next = k
                tail = k
        request_at(w, tail).next = NONE
        if merges <= 1:
            break
        size *= 2
    return head
