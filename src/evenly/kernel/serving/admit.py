"""Start waiting requests, and bring swapped-out ones back."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import prefix
from evenly.kernel.serving.chunks import longest_chunk, take_chunk
from evenly.kernel.serving.host_cache import host_hits, load
from evenly.kernel.serving.records import (
    CHUNK,
    FILLING,
    LONGEST,
    NONE,
    ONE,
    PROMPT,
    SPLIT_FUSE,
    STARVED,
)
from evenly.kernel.serving.retain import give_up, settle_kept
from evenly.kernel.serving.seating import blocks_for, decode, dequeue, drop, freshen, grab, line_up, seat_request
from evenly.kernel.serving.views import pool, request_at, rules_of, seat_at, seat_in_line, seen


@helper
def start_need(w: Any, r: int, i: int, hit: int, upto: int, target: int) -> int:
    """Return the blocks that a request of `target` tokens, `hit` of them cached, needs to start up to token `upto`."""
    rules = rules_of(w)
    if rules.reserve == LONGEST:
        return blocks_for(w, rules.longest)
    if rules.reserve == PROMPT:
        return blocks_for(w, target)
    if rules.compose == SPLIT_FUSE:
        upto = target
    need = blocks_for(w, upto) - hit // rules.block
    if hit > 0:
        need += prefix.fresh_hits(w, r, i, hit // rules.block)
    return need


@helper
def watermark(w: Any, r: int) -> int:
    """Return the blocks that stay free when a request starts; none where it takes them by chunk and is alone."""
    if rules_of(w).reserve == CHUNK and pool(w, r).seated == 0:
        return 0
    return rules_of(w).watermark


@helper
def prompts_may_start(w: Any, now: float, r: int) -> bool:
    """Tell whether the delay factor lets prompts start: the oldest waited long enough, or nothing runs."""
    p = pool(w, r)
    if rules_of(w).delay <= 0.0 or p.seated == 0 or p.waiting == NONE:
        return True
    return now - request_at(w, p.waiting).arrival > rules_of(w).delay * p.last_prefill


@helper
def admit(w: Any, h: Any, now: float, r: int, room: int) -> None:
    """Start waiting requests while seats, tokens and blocks suffice; the head of the queue blocks the others."""
    p = pool(w, r)
    rules = rules_of(w)
    skipped = NONE
    while p.waiting != NONE and room > 0 and p.spare_seats > 0 and p.ran + p.chunks < rules.batch:
        if rules.flows:
            freshen(w, h, now, r)
        i = p.waiting
        target = request_at(w, i).prompt + request_at(w, i).generated
        if rules.reserve == PROMPT and blocks_for(w, target) + rules.watermark > seen(w, r).blocks:
            drop(w, r, i)
            continue
        hit = 0
        if rules.cache:
            hit = prefix.hits(w, r, i, target - 1) * rules.block
        known = hit  # tokens that the device has, and those that follow on the host
        if rules.host_cache > 0:
            known += host_hits(w, r, now, i, hit // rules.block, target - 1) * rules.block
        if p.carried and request_at(w, i).preemptions == 0:
            known = target - 1
        tokens = min(target - known, longest_chunk(w, r))
        if tokens > room:
            if not rules.chunked and rules.behind:  # look behind the head
                dequeue(w, r)
                request_at(w, i).child = skipped
                skipped = i
                continue
            if not rules.chunked:
                p.held = max(p.held, rules.flows)  # another may come to the head before anything else happens
                break
            tokens = room
        need = start_need(w, r, i, hit, target if rules.whole else known + tokens, target)
        alone = p.seated == 0
        if p.free - need < watermark(w, r) or (rules.compose == SPLIT_FUSE and p.free == 0):
            if alone and give_up(w, r):
                continue
            p.held = max(p.held, rules.flows)
            break
        if not alone and not h.admit(now, i, need, p.free, p.seated, w.requests, w.admit_memory):
            p.held = 1
            break
        dequeue(w, r)
        place_request(w, h, r, i, hit, known, tokens, need, now)
        room -= tokens
    while skipped != NONE:
        i = skipped
        skipped = request_at(w, i).child
        line_up(w, r, i)


@helper
def place_request(w: Any, h: Any, r: int, i: int, hit: int, known: int, tokens: int, need: int, now: float) -> None:
    """Seat an admitted request and put its first chunk into the pass; `hit` tokens are here, more are `known`.

    What is known beyond the hits is on the host, or came with the request.
    """
    p = pool(w, r)
    rules = rules_of(w)
    s = seat_request(w, r, i, now)
    w.fill[r, p.filling] = seat_at(w, s).at
    p.filling += 1
    if hit > 0:
        prefix.seat_hits(w, r, s, i, hit // rules.block)
    if p.carried:
        if rules.reserve == CHUNK:
            grab(w, r, blocks_for(w, known))
    elif known > hit:
        load(w, r, i, hit // rules.block, (known - hit) // rules.block)
    seat_at(w, s).filled = known
    seat_at(w, s).hit = known
    if request_at(w, i).preemptions == 0:
        request_at(w, i).cached = known
        if rules.learns:  # before what was kept for it is let go
            h.learn(now, i, w.requests, w.retain_memory)
    else:
        p.recomputed -= min(known, p.recomputed)
    if rules.retain:
        settle_kept(w, r, i)
    if rules.reserve != CHUNK:
        p.free -= need
    take_chunk(w, r, s, tokens)


@helper
def swap_in(w: Any, r: int, now: float, room: int) -> int:
    """Bring swapped-out requests back while they fit above the watermark; return the tokens left of the budget.

    An empty replica takes its first one back whatever the watermark says; the real engine would wait forever.
    """
    p = pool(w, r)
    rules = rules_of(w)
    while p.swapped != NONE and p.spare_seats > 0 and room > 0:
        i = p.swapped
        request = request_at(w, i)
        context = request.prompt + request.generated - 1
        filling = request.generated == 0  # it was swapped out in the middle of its prompt, whose blocks it had
        blocks = blocks_for(w, request.prompt if filling else context)
        if p.seated > 0 and p.free - (blocks + 1) < rules.watermark:
            break
        p.swapped = request.next
        p.host += blocks
        p.moved += blocks
        s = seat_request(w, r, i, now)
        grab(w, r, blocks)
        if filling:
            w.fill[r, p.filling] = seat_at(w, s).at
            p.filling += 1
            seat_at(w, s).filled = request.child
            tokens = min(request.prompt - request.child, room)
            take_chunk(w, r, s, tokens)
            room -= tokens
            continue
        decode(w, r, s, request.output - request.generated, context, request.last)
        if (seat_at(w, s).base + p.tick) % rules.block == 0:
            grab(w, r, ONE)
        p.ran += 1
        p.stalled = 1
        room -= 1
    return room


@helper
def line_up_anew(w: Any, r: int, old: int, back: int) -> None:
    """Order the line as vLLM's chunked scheduler does after a pass, where swapping mixes it up.

    Those left out of the pass come first, then the `back` ones swapped in, which stand behind the `old` ones, then
    decodes, prompts that end with this pass, unfinished prompts, and new ones.
    """
    p = pool(w, r)
    size = 0
    for kind in range(7):
        for place in range(p.seated):
            own = w.line[r, place]
            seat = seat_at(w, seat_in_line(w, r, place))
            tokens = 0
            for k in range(p.chunks):
                if w.who[r, k] == own:
                    tokens = w.chunk[r, k]
            if place >= old + back:
                mine = 6
            elif place >= old:
                mine = 1 if seat.state != FILLING else 2
            elif seat.state == STARVED or (seat.state == FILLING and tokens == 0):
                mine = 0
            elif seat.state != FILLING:
                mine = 3
            else:
                mine = 4 if seat.filled + tokens == seat.target else 5
            if mine == kind:
                w.spare[r, rules_of(w).seats + size] = own
                size += 1
    p.filling = 0
    for place in range(size):
        own = w.spare[r, rules_of(w).seats + place]
        w.line[r, place] = own
        if seat_at(w, r * w.line.shape[1] + own).state == FILLING:
            w.fill[r, p.filling] = own
            p.filling += 1
