"""Who sits where on a replica: enqueue, seat, decode, evict, finish.

Decodes advance together, so nothing is written per request and pass: a decode keeps `base = context - tick` and the
tick of its last token, and `phase` counts the decodes that need a block at each tick (mod block).
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving import heap, prefix, tally
from evenly.kernel.serving.host_cache import save
from evenly.kernel.serving.records import (
    DECODING,
    FILLING,
    LONGEST,
    NONE,
    PROMPT,
    SWAP,
    ZERO,
)
from evenly.kernel.serving.views import flow_at, pool, request_at, rules_of, seat_at, seat_in_line, seen

FOREVER = 1 << 60


@helper
def blocks_for(w: Any, tokens: int) -> int:
    """Return the blocks that hold `tokens` tokens."""
    size = rules_of(w).block
    return (tokens + size - 1) // size


@helper
def grab(w: Any, r: int, count: int) -> None:
    """Take blocks for generated tokens."""
    if rules_of(w).cache:
        prefix.take_anonymous(w, r, count)
    else:
        pool(w, r).free -= count


@helper
def held(w: Any, r: int, s: int) -> int:
    """Return the blocks of a seat, before it takes part in a pass."""
    rules = rules_of(w)
    seat = seat_at(w, s)
    if rules.reserve == LONGEST:
        return blocks_for(w, rules.longest)
    if seat.state != FILLING:
        return blocks_for(w, seat.base + pool(w, r).tick)
    if rules.reserve == PROMPT:
        return blocks_for(w, seat.target)
    return blocks_for(w, seat.filled)


@helper
def release(w: Any, r: int, s: int, blocks: int, tokens: int) -> None:
    """Give the blocks of a seat back."""
    if rules_of(w).cache:
        prefix.unseat(w, r, s, blocks, tokens)
    else:
        pool(w, r).free += blocks


@helper
def line_up(w: Any, r: int, i: int) -> None:
    """Put a request into the queue of a replica, by its rank."""
    p = pool(w, r)
    p.waiting = heap.push(w.requests, p.waiting, i)
    p.queue += 1
    if rules_of(w).flows:
        flow_at(w, r, i).waiting += 1
    seen(w, r).waiting += 1
    seen(w, r).queued_tokens += request_at(w, i).prompt + request_at(w, i).generated


@helper
def enqueue(w: Any, h: Any, now: float, r: int, i: int) -> None:
    """Put a new request into the queue of a replica."""
    p = pool(w, r)
    p.sequence += 1
    if rules_of(w).flows and np.isnan(flow_at(w, r, i).first):
        flow_at(w, r, i).first = now
    request_at(w, i).rank = h.rank(now, p.sequence, i, w.requests, w.flows[r], w.rank_memory)
    line_up(w, r, i)


@helper
def freshen(w: Any, h: Any, now: float, r: int) -> None:
    """Rank the head of the queue again until it stays there: while requests wait, ranks only grow."""
    p = pool(w, r)
    while True:
        i = p.waiting
        rank = h.rank(now, ZERO, i, w.requests, w.flows[r], w.rank_memory)
        if not rank > request_at(w, i).rank:
            return
        p.waiting = heap.pop(w.requests, i)
        request_at(w, i).rank = rank
        p.waiting = heap.push(w.requests, p.waiting, i)


@helper
def requeue(w: Any, h: Any, now: float, r: int, i: int) -> None:
    """Put a preempted request back into the queue."""
    p = pool(w, r)
    p.sequence += 1
    if rules_of(w).front:
        request_at(w, i).rank = -float(p.sequence)
    else:
        request_at(w, i).rank = h.rank(now, p.sequence, i, w.requests, w.flows[r], w.rank_memory)
    line_up(w, r, i)


@helper
def dequeue(w: Any, r: int) -> int:
    """Take the first request of the queue."""
    p = pool(w, r)
    i = p.waiting
    p.waiting = heap.pop(w.requests, i)
    p.queue -= 1
    if rules_of(w).flows:
        flow_at(w, r, i).waiting -= 1
    seen(w, r).waiting -= 1
    seen(w, r).queued_tokens -= request_at(w, i).prompt + request_at(w, i).generated
    return i


@helper
def drop(w: Any, r: int, i: int) -> None:
    """Give up a waiting request that grew beyond what may ever start; `dropped` hands it out."""
    dequeue(w, r)
    request_at(w, i).next = pool(w, r).dropped
    pool(w, r).dropped = i


@helper
def dropped(w: Any, r: int) -> int:
    """Return a request that was given up, or `NONE`. Call until `NONE`."""
    i = pool(w, r).dropped
    if i != NONE:
        pool(w, r).dropped = request_at(w, i).next
    return i


@helper
def seat_request(w: Any, r: int, i: int, now: float) -> int:
    """Give a request a seat at the end of the line; return the seat."""
    p = pool(w, r)
    p.spare_seats -= 1
    own = w.spare[r, p.spare_seats]
    s = r * w.line.shape[1] + own
    seat = seat_at(w, s)
    seat.request = i
    seat.filled = 0
    seat.target = request_at(w, i).prompt + request_at(w, i).generated
    seat.base = 0
    seat.worst = 0.0
    seat.state = FILLING
    seat.table = 0
    seat.hit = 0
    seat.sealed = 0
    seat.at = own
    seat.joined = now
    seat.index = p.emissions
    w.line[r, p.seated] = own
    p.seated += 1
    seen(w, r).running += 1
    if rules_of(w).flows:
        flow = flow_at(w, r, i)
        flow.running += 1
        flow.started = now
        if np.isnan(request_at(w, i).start):
            flow.prompt += request_at(w, i).prompt
    if np.isnan(request_at(w, i).start):
        request_at(w, i).start = now
    return s


@helper
def decode(w: Any, r: int, s: int, left: int, context: int, last: float) -> None:
    """Make a seat a decode with `left` tokens to come, `context` tokens held, its last token at `last`."""
    p = pool(w, r)
    seat = seat_at(w, s)
    size = rules_of(w).block
    seat.state = DECODING
    seat.base = context - p.tick
    seat.end = p.tick + left
    seat.joined = last
    seat.index = p.emissions
    p.decodes += 1
    p.base += seat.base
    p.longest = max(p.longest, seat.base)
    p.next_end = min(p.next_end, seat.end)
    if rules_of(w).reserve != LONGEST:
        w.phase[r, (-seat.base) % size] += 1


@helper
def undecode(w: Any, r: int, s: int) -> None:
    """Take a seat out of the decodes; `rescan` must follow."""
    p = pool(w, r)
    seat = seat_at(w, s)
    p.decodes -= 1
    p.base -= seat.base
    if rules_of(w).reserve != LONGEST:
        w.phase[r, (-seat.base) % rules_of(w).block] -= 1


@helper
def rescan(w: Any, r: int) -> None:
    """Find the next end and the longest context among the decodes."""
    p = pool(w, r)
    p.next_end = FOREVER
    p.longest = -FOREVER
    for place in range(p.seated):
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state != FILLING:
            p.next_end = min(p.next_end, seat.end)
            p.longest = max(p.longest, seat.base)


@helper
def last_token(w: Any, r: int, s: int) -> float:
    """Return when a decode got its last token."""
    p = pool(w, r)
    seat = seat_at(w, s)
    return p.emitted if p.emissions > seat.index else seat.joined


@helper
def stand_up(w: Any, r: int, place: int) -> None:
    """Remove the seat at a place of the line."""
    p = pool(w, r)
    own = w.line[r, place]
    for k in range(place, p.seated - 1):
        w.line[r, k] = w.line[r, k + 1]
    p.seated -= 1
    w.spare[r, p.spare_seats] = own
    p.spare_seats += 1
    seen(w, r).running -= 1
    if rules_of(w).flows:
        flow_at(w, r, seat_at(w, r * w.line.shape[1] + own).request).running -= 1
    if seat_at(w, r * w.line.shape[1] + own).state == FILLING:
        unfill(w, r, own)


@helper
def unfill(w: Any, r: int, own: int) -> None:
    """Remove a seat from those that still compute their prompt."""
    p = pool(w, r)
    k = 0
    while w.fill[r, k] != own:
        k += 1
    for j in range(k, p.filling - 1):
        w.fill[r, j] = w.fill[r, j + 1]
    p.filling -= 1


@helper
def evict(w: Any, h: Any, r: int, place: int, blocks: int, decoded: int, now: float) -> None:
    """Preempt the request at a place of the line, which holds `blocks` blocks.

    `decoded` is 1 if it decodes in the pass being composed: the block that this fills is known already.
    """
    p = pool(w, r)
    s = seat_in_line(w, r, place)
    seat = seat_at(w, s)
    i = seat.request
    request = request_at(w, i)
    request.preemptions += 1
    p.evicted += 1
    request.worst_gap = max(request.worst_gap, seat.worst)
    swap = rules_of(w).victims == SWAP
    if seat.state != FILLING:
        request.worst_gap = max(request.worst_gap, tally.worst_since(w, r, seat.index))
        request.generated = request.output - (seat.end - p.tick)
        request.last = last_token(w, r, s)
        tokens = seat.base + p.tick
        release(w, r, s, blocks, tokens + decoded)
        undecode(w, r, s)
    else:
        tokens = seat.filled
        request.child = tokens
        release(w, r, s, blocks, tokens)
    stand_up(w, r, place)
    if swap:
        p.host -= blocks
        p.least_host = min(p.least_host, p.host)
        p.moved += blocks
        request.next = NONE
        if p.swapped == NONE:
            p.swapped = i
        else:
            request_at(w, p.swapped_last).next = i
        p.swapped_last = i
    else:
        p.recomputed += tokens
        if rules_of(w).host_cache > 0:
            save(w, r, now, i, tokens, True)
        requeue(w, h, now, r, i)
    rescan(w, r)
