"""Compose a pass of the requests of highest priority that fit; the others' tokens move to the host, and back.

Before a pass, copies that are complete are noted, and ranks are asked anew if it is time. Who fits is chosen. Who has a
seat and is not chosen gives it up; who is chosen and has none gets one as soon as pages are free, and runs once its
tokens are there. A device that goes on meanwhile leaves out decodes that need a page which is still being copied.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import tally
from evenly.kernel.serving.chunks import take_chunk
from evenly.kernel.serving.compose import decode_need, forgive
from evenly.kernel.serving.copies import copy_seconds, fetch, free_sent, send, shrink
from evenly.kernel.serving.pages import DEVICE_SIDE, give_row, set_urgency, take, take_row
from evenly.kernel.serving.passes import close, next_done
from evenly.kernel.serving.present import quit_list, rank_anew, wait
from evenly.kernel.serving.records import DECODING, FILLING, NONE, ONE, STARVED, ZERO
from evenly.kernel.serving.seating import (
    blocks_for,
    decode,
    held,
    last_token,
    rescan,
    seat_request,
    stand_up,
    undecode,
)
from evenly.kernel.serving.switch_records import AWAY, COMING, HERE
from evenly.kernel.serving.views import (
    copy_at,
    pool,
    request_at,
    rules_of,
    seat_at,
    seat_in_line,
    seen,
    switch_of,
    tier_of,
)


@helper
def next_need(w: Any, r: int, i: int) -> int:
    """Return the pages that a request holds if it takes part in the next pass."""
    switch = switch_of(w, i)
    if switch.state == AWAY:
        return blocks_for(w, request_at(w, i).prompt + request_at(w, i).generated)
    seat = seat_at(w, switch.seat)
    return blocks_for(w, seat.target if seat.state == FILLING else seat.base + pool(w, r).tick + 1)


@helper
def choose(w: Any, r: int) -> int:
    """Mark the requests of highest priority that fit, besides those whose tokens are on the way to the device.

    Return the first request after which nobody has a seat or can fit, or `NONE`.
    """
    p = pool(w, r)
    rules = rules_of(w)
    room = seen(w, r).blocks
    seats = rules.seats
    i = p.waiting
    coming = tier_of(w, r).coming
    while coming > 0:
        if switch_of(w, i).state == COMING:
            room -= next_need(w, r, i)
            seats -= 1
            coming -= 1
        i = request_at(w, i).next
    i = p.waiting
    left = p.seated  # that were not passed yet
    while i != NONE:
        alone = seats == rules.seats
        if left == 0 and (seats == 0 or room < tier_of(w, r).least + (ZERO if alone else rules.watermark)):
            break
        switch = switch_of(w, i)
        left -= 0 if switch.state == AWAY else 1
        if switch.state != COMING:
            need = next_need(w, r, i)
            mark = ZERO if alone or switch.state == HERE else rules.watermark
            switch.chosen = 1 if seats > 0 and need + mark <= room else 0
            if switch.chosen:
                room -= need
                seats -= 1
        i = request_at(w, i).next
    return i


@helper
def whole(w: Any, s: int) -> bool:
    """Tell whether all tokens of a seat are there, so that it goes on as a decode."""
    seat = seat_at(w, s)
    return request_at(w, seat.request).generated > 0 and seat.filled == seat.target - 1


@helper
def again(w: Any, s: int) -> int:
    """Return the tokens that a seat whose prompt is not computed yet computes a second time."""
    seat = seat_at(w, s)
    request = request_at(w, seat.request)
    if whole(w, s):
        return ZERO
    return seat.target - seat.filled - (ONE if request.generated > 0 else request.prompt - request.cached)


@helper
def step_down(w: Any, r: int, place: int, now: float) -> None:
    """Preempt the request at a place of the line; what the host lacks of it is copied there."""
    p = pool(w, r)
    s = seat_in_line(w, r, place)
    seat = seat_at(w, s)
    i = seat.request
    request = request_at(w, i)
    request.preemptions += 1
    p.evicted += 1
    request.worst_gap = max(request.worst_gap, seat.worst)
    pages = held(w, r, s)
    tokens = seat.filled
    if seat.state == FILLING:
        p.recomputed -= again(w, s)
    else:
        request.worst_gap = max(request.worst_gap, tally.worst_since(w, r, seat.index))
        request.generated = request.output - (seat.end - p.tick)
        request.last = last_token(w, r, s)
        tokens = seat.base + p.tick
        undecode(w, r, s)
    switch_of(w, i).state = AWAY
    send(w, r, i, tokens, pages, now)
    stand_up(w, r, place)
    wait(w, r, i, ONE)
    rescan(w, r)


@helper
def step_up(w: Any, r: int, i: int, now: float, at: float) -> None:
    """Give a request a seat at `now`, and bring its tokens from `at` on, as far as the host has them."""
    p = pool(w, r)
    request = request_at(w, i)
    switch = switch_of(w, i)
    wait(w, r, i, -ONE)
    s = seat_request(w, r, i, now)
    seat = seat_at(w, s)
    switch.seat = s
    switch.state = HERE
    switch.row = take_row(w, r)
    set_urgency(w, r, DEVICE_SIDE, switch.row, request.rank)
    if switch.slot != NONE:
        seat.filled = min(copy_at(w, r, switch.slot).tokens, seat.target - 1)
    take(w, r, DEVICE_SIDE, switch.row, ZERO, blocks_for(w, seat.filled if whole(w, s) else seat.target))
    if switch.slot != NONE:
        switch.state = COMING
        fetch(w, r, i, seat.filled, at)
    else:
        w.fill[r, p.filling] = seat.at
        p.filling += 1
    if request.preemptions == 0:
        request.cached = seat.filled
    p.recomputed += again(w, s)


@helper
def admit_coming(w: Any, r: int, now: float) -> None:
    """Let requests whose tokens have come take part: as decodes, or as prompts if some are missing."""
    p = pool(w, r)
    for place in range(p.seated if tier_of(w, r).coming > 0 else 0):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        i = seat.request
        switch = switch_of(w, i)
        if switch.state != COMING or switch.ready > now:
            continue
        switch.state = HERE
        tier_of(w, r).coming -= 1
        if rules_of(w).reuse == 0 and switch.slot != NONE:  # it may be overwritten already
            shrink(w, r, switch.slot, ZERO)
        request = request_at(w, i)
        if whole(w, s):
            decode(w, r, s, request.output - request.generated, seat.filled, request.last)
            p.stalled = 1
        else:
            w.fill[r, p.filling] = seat.at
            p.filling += 1


@helper
def board(w: Any, h: Any, now: float, at: float, r: int, stop: int) -> None:
    """Give chosen requests before `stop` seats, as far as pages are free; their copies begin at `at` or later."""
    p = pool(w, r)
    back = decode_need(w, r)  # pages that others have a right to
    i = p.waiting
    while i != stop:
        after = request_at(w, i).next
        switch = switch_of(w, i)
        if switch.state == AWAY and switch.chosen:
            need = next_need(w, r, i)
            if switch.ready > at:  # it is still on its way out
                back += need
            elif p.free - back < need or tier_of(w, r).rows == 0 or p.seated == rules_of(w).seats:
                return
            elif p.seated > 0 and not h.admit(now, i, need, p.free, p.seated, w.requests, w.admit_memory):
                p.held = 1
                return
            else:
                back += need - p.free
                step_up(w, r, i, now, at)
                back += p.free  # a decode takes the page of its next token later
        i = after


@helper
def pending(w: Any, r: int, now: float, stop: int) -> float:
    """Return the predicted seconds of all copies to come: those under way, and those of the chosen before `stop`."""
    tier = tier_of(w, r)
    total = max(0.0, tier.out_end - now) + max(0.0, tier.in_end - now)
    i = pool(w, r).waiting
    while i != stop:
        switch = switch_of(w, i)
        if switch.state == AWAY and switch.chosen and switch.slot != NONE:
            pages = copy_at(w, r, switch.slot).pages
            total += copy_seconds(w, pages if rules_of(w).merged == 0 else ONE, pages)
        i = request_at(w, i).next
    return total


@helper
def exchange(w: Any, h: Any, now: float, r: int, stop: int) -> float:
    """Start and end copies, of requests before `stop`; return the seconds for which the device waits for them."""
    p = pool(w, r)
    rules = rules_of(w)
    tier = tier_of(w, r)
    waits = rules.background == 0
    if not waits and rules.adaptive:
        waits = pending(w, r, now, stop) < tier.step
    if not waits:
        board(w, h, now, now, r, stop)
        if p.decodes + p.filling > 0 or not rules.adaptive:
            return 0.0
    if p.waiting == NONE:
        return 0.0
    at = max(now, tier.out_end)
    free_sent(w, r, at)
    admit_coming(w, r, at)
    board(w, h, now, at, r, stop)
    at = max(at, tier.in_end)
    admit_coming(w, r, at)
    tier.stall += at - now
    return at - now


@helper
def grow(w: Any, r: int, s: int, tokens: int) -> None:
    """Give a decode of `tokens` tokens the page of its next one."""
    own = switch_of(w, seat_at(w, s).request).row
    take(w, r, DEVICE_SIDE, own, blocks_for(w, tokens), ONE)


@helper
def run_switched(w: Any, r: int) -> None:
    """Put the decodes into the pass, in order of rank; one that needs a page and finds none waits."""
    p = pool(w, r)
    size = rules_of(w).block
    i = p.waiting
    left = p.decodes
    while left > 0:
        s = switch_of(w, i).seat
        if switch_of(w, i).state == HERE and seat_at(w, s).state == DECODING:
            left -= 1
            tokens = seat_at(w, s).base + p.tick
            if tokens % size != 0:
                p.ran += 1
            elif p.free > 0:
                grow(w, r, s, tokens)
                p.ran += 1
            else:
                seat_at(w, s).state = STARVED
                p.starved += 1
        i = request_at(w, i).next
    if p.ran == 0:
        forgive(w, r)


@helper
def grow_stretch(w: Any, r: int) -> None:
    """List the pages that the decodes took in a stretch that ended, after its first pass: pass by pass, by rank."""
    p = pool(w, r)
    size = rules_of(w).block
    for tick in range(p.tick - p.passes + 1 if p.ran > 0 else p.tick, p.tick):
        if w.phase[r, tick % size] == 0:
            continue
        i = p.waiting
        left = p.decodes
        while left > 0:
            s = switch_of(w, i).seat
            if switch_of(w, i).state == HERE and seat_at(w, s).state == DECODING:
                left -= 1
                tokens = seat_at(w, s).base + tick
                if tokens % size == 0:
                    grow(w, r, s, tokens)
            i = request_at(w, i).next


@helper
def compose_switched(w: Any, h: Any, now: float, r: int) -> float:
    """Choose the tokens of the next pass of a replica; return the seconds for which the device waits before it."""
    p = pool(w, r)
    tier = tier_of(w, r)
    p.chunks = 0
    p.ran = 0
    p.starved = 0
    p.evicted = 0
    p.moved = 0
    p.held = 0
    free_sent(w, r, now)
    admit_coming(w, r, now)
    if p.steps // rules_of(w).redraw > tier.drawn:
        tier.drawn = p.steps // rules_of(w).redraw
        rank_anew(w, h, now, r)
    stop = choose(w, r)
    place = p.seated - 1
    while place >= 0:
        switch = switch_of(w, seat_at(w, seat_in_line(w, r, place)).request)
        if switch.state == HERE and switch.chosen == 0:
            step_down(w, r, place, now)
        place -= 1
    stall = exchange(w, h, now, r, stop)
    room = min(h.budget(now, p.decodes, p.base + p.decodes * p.tick, w.budget_memory), rules_of(w).budget)
    for k in range(p.filling):
        s = r * w.line.shape[1] + w.fill[r, k]
        tokens = seat_at(w, s).target - seat_at(w, s).filled
        if tokens > room and p.chunks > 0:
            break
        take_chunk(w, r, s, tokens)
        room -= tokens
    if p.chunks == 0 and p.decodes > 0:
        run_switched(w, r)
    if tier.first != NONE or tier.coming > 0:
        p.held = 1
    return stall


@helper
def goes_on(w: Any, i: int) -> bool:
    """Tell whether a later turn repeats all of a request."""
    k = request_at(w, i).follower
    while k != NONE and request_at(w, k).history != request_at(w, i).history:
        k = request_at(w, k).sibling
    return k != NONE


@helper
def leave_switched(w: Any, r: int) -> int:
    """Let one request that is done leave; return it, or `NONE`. Call until `NONE`.

    If its conversation goes on, the host gets what it does not have yet.
    """
    place = next_done(w, r)
    if place == NONE:
        return NONE
    p = pool(w, r)
    s = seat_in_line(w, r, place)
    i = close(w, r, s)
    switch = switch_of(w, i)
    pages = held(w, r, s)
    switch.state = AWAY
    if goes_on(w, i):
        send(w, r, i, seat_at(w, s).base + p.tick, pages, p.end)
    else:
        if switch.slot != NONE:
            shrink(w, r, switch.slot, ZERO)
        give_row(w, r, switch.row, pages)
        switch.row = NONE
    undecode(w, r, s)
    stand_up(w, r, place)
    quit_list(w, r, i)
    return i
