"""Compose a pass: who computes how many tokens.

The fast path touches no decode: it counts them. Where tokens or blocks do not suffice, `walk` goes through the line
one by one, exactly as the engines do.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.admit import admit, line_up_anew, prompts_may_start, swap_in
from evenly.kernel.serving.chunks import longest_chunk, need_of_chunk, take_chunk
from evenly.kernel.serving.preempt import make_room, usurp
from evenly.kernel.serving.records import (
    DECODING,
    FILLING,
    LONGEST,
    NONE,
    PREFILL_FIRST,
    QUEUE_ORDER,
    SPLIT_FUSE,
    STARVED,
    SWAP,
    ZERO,
)
from evenly.kernel.serving.retain import expire
from evenly.kernel.serving.seating import evict, grab, held
from evenly.kernel.serving.splitfuse import order_prompts, walk_waiting
from evenly.kernel.serving.views import pool, rules_of, seat_at, seat_in_line


@helper
def decode_need(w: Any, r: int) -> int:
    """Return the blocks that all decodes need for their next token."""
    return w.phase[r, pool(w, r).tick % rules_of(w).block]


@helper
def walk(w: Any, h: Any, now: float, r: int, room: int) -> int:
    """Go through the line in order; return the tokens left of the budget.

    In queue order the budget ends the walk; otherwise only decodes are visited, whatever the budget.
    """
    p = pool(w, r)
    rules = rules_of(w)
    queue_order = rules.compose == QUEUE_ORDER
    place = ZERO
    while place < p.seated and (room > 0 or not queue_order):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        if seat.state == FILLING:
            if not queue_order:
                place += 1
                continue
            tokens = min(seat.target - seat.filled, longest_chunk(w, r), room)
            need = need_of_chunk(w, s, tokens)
        else:
            tokens = 1
            need = 0
            if rules.reserve != LONGEST and (seat.base + p.tick) % rules.block == 0:
                need = 1
        place, back, seated = make_room(w, h, now, r, place, need)
        room += back
        if not seated:
            break
        if seat.state == FILLING:
            take_chunk(w, r, s, tokens)
        else:
            grab(w, r, need)
            p.ran += 1
        room -= tokens
        place += 1
    for k in range(place, p.seated):  # beyond the budget
        s = seat_in_line(w, r, k)
        if queue_order and seat_at(w, s).state == DECODING:
            seat_at(w, s).state = STARVED
            p.starved += 1
    return room


@helper
def run_decodes(w: Any, h: Any, now: float, r: int, room: int) -> int:
    """Put the decodes (and, in queue order, unfinished prompts) into the pass; return the tokens left."""
    p = pool(w, r)
    rules = rules_of(w)
    if rules.compose == SPLIT_FUSE:
        limit = min(rules.batch, room)
        if p.decodes > limit or decode_need(w, r) > p.free:
            walk_waiting(w, r, limit)
        else:
            p.ran = p.decodes
            grab(w, r, decode_need(w, r))
        return room - p.ran
    need = decode_need(w, r)
    tokens = p.decodes
    if rules.compose == QUEUE_ORDER:
        for k in range(p.filling):
            s = r * w.line.shape[1] + w.fill[r, k]
            seat = seat_at(w, s)
            part = min(seat.target - seat.filled, longest_chunk(w, r))
            last = k == p.filling - 1 and w.line[r, p.seated - 1] == seat.at
            part = min(part, max(0, room - tokens)) if last else part
            need += need_of_chunk(w, s, part)
            tokens += part
        if tokens > room or need > p.free:
            return walk(w, h, now, r, room)
    elif need > p.free:
        return walk(w, h, now, r, room)
    p.ran = p.decodes
    grab(w, r, decode_need(w, r))
    room -= p.decodes
    if rules.compose == QUEUE_ORDER:
        for k in range(p.filling):
            s = r * w.line.shape[1] + w.fill[r, k]
            part = min(seat_at(w, s).target - seat_at(w, s).filled, longest_chunk(w, r), room)
            if part > 0:
                take_chunk(w, r, s, part)
                room -= part
    return room


@helper
def continue_prompts(w: Any, r: int, room: int) -> int:
    """Put unfinished prompts into the pass, after the decodes; return the tokens left, 0 to admit nobody."""
    p = pool(w, r)
    rules = rules_of(w)
    for k in range(p.filling):
        s = r * w.line.shape[1] + w.fill[r, k]
        seat = seat_at(w, s)
        rest = seat.target - seat.filled
        tokens = min(rest, longest_chunk(w, r), room)
        if rules.compose == SPLIT_FUSE:
            alone = p.seated == 1  # the real engine would flush and recompute it for ever
            if (p.free == 0 and not alone) or p.ran + p.chunks >= rules.batch:
                return 0
            if rest > 1 and need_of_chunk(w, s, rest) > p.free:
                return 0
        if tokens > 0:
            take_chunk(w, r, s, tokens)
            room -= tokens
    return room


@helper
def compose(w: Any, h: Any, now: float, r: int) -> None:
    """Choose the tokens of the next pass of a replica: `ran` decodes and `chunks` prompt chunks.

    A pass that only preempted is empty; the engine composes the next one at once.
    """
    p = pool(w, r)
    evicted = 0
    if pool(w, r).kept != NONE:
        expire(w, r, now)
    while True:
        compose_once(w, h, now, r)
        evicted += p.evicted
        if p.evicted == 0 or p.ran + p.chunks > 0:
            break
        forgive(w, r)
    p.evicted = evicted


@helper
def forgive(w: Any, r: int) -> None:
    """Let decodes that were left out of a pass that stayed empty try again."""
    for place in range(pool(w, r).seated):
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state == STARVED:
            seat.state = DECODING
    pool(w, r).starved = 0


@helper
def compose_once(w: Any, h: Any, now: float, r: int) -> None:
    """Fill one pass, which may stay empty."""
    p = pool(w, r)
    rules = rules_of(w)
    p.chunks = 0
    p.ran = 0
    p.starved = 0
    p.evicted = 0
    p.moved = 0
    p.held = 0
    room = min(h.budget(now, p.decodes, p.base + p.decodes * p.tick, w.budget_memory), rules.budget)
    if rules.compose == PREFILL_FIRST:
        if p.swapped == NONE:
            if prompts_may_start(w, now, r):
                admit(w, h, now, r, room)
            else:
                p.held = 1
        if p.chunks == 0:
            if rules.usurp:
                usurp(w, h, now, r, room)
            preempted = p.evicted
            room = run_decodes(w, h, now, r, room)
            if p.evicted == preempted:
                swap_in(w, r, now, room)
        return
    room = run_decodes(w, h, now, r, room)
    if rules.compose != QUEUE_ORDER:
        room = continue_prompts(w, r, room)
    old = p.seated
    if rules.victims == SWAP and p.evicted == 0:
        room = swap_in(w, r, now, room)
    back = p.seated - old
    if p.evicted == 0 or rules.readmit:
        admit(w, h, now, r, room)
    if rules.victims == SWAP and rules.compose == QUEUE_ORDER:
        line_up_anew(w, r, old, back)
    if rules.compose == SPLIT_FUSE:
        if p.ran == 0 and p.chunks == 0 and p.seated > 0:
            break_deadlock(w, h, now, r)
        if p.chunks > 0:
            order_prompts(w, r)


@helper
def break_deadlock(w: Any, h: Any, now: float, r: int) -> None:
    """Flush the last-entered request that holds blocks until something can run."""
    p = pool(w, r)
    while p.ran == 0 and p.chunks == 0 and p.seated > 0:
        forgive(w, r)
        s = seat_in_line(w, r, p.seated - 1)
        evict(w, h, r, p.seated - 1, held(w, r, s), ZERO, now)
        room = run_decodes(w, h, now, r, rules_of(w).budget)
        room = continue_prompts(w, r, room)
        admit(w, h, now, r, room)
