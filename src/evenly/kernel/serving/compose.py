"""Compose a pass: who computes how many tokens.

The fast path touches no decode: it counts them. Where tokens or blocks do not suffice, `walk` goes through the line
one by one, exactly as the engines do.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import heap, prefix
from evenly.kernel.serving.records import (
    CHUNK,
    DECODE_FIRST,
    DECODING,
    FILLING,
    LONGEST,
    NONE,
    ONE,
    PREFILL_FIRST,
    PROMPT,
    QUEUE_ORDER,
    SPLIT_FUSE,
    STARVED,
    SWAP,
    ZERO,
)
from evenly.kernel.serving.seating import (
    FOREVER,
    blocks_for,
    decode,
    dequeue,
    evict,
    grab,
    held,
    line_up,
    seat_request,
)


@helper
def need_of_chunk(w: Any, s: int, tokens: int) -> int:
    """Return the new blocks that a filling seat needs for `tokens` more tokens."""
    if w.rules[0].reserve != CHUNK:
        return 0
    seat = w.seats[s]
    return blocks_for(w, seat.filled + tokens) - blocks_for(w, seat.filled)


@helper
def take_chunk(w: Any, r: int, s: int, tokens: int) -> None:
    """Put prompt tokens of a filling seat into the pass and give it their blocks."""
    p = w.pools[r]
    seat = w.seats[s]
    if w.rules[0].cache:
        prefix.seat_chunk(w, r, s, seat.filled + tokens)
    else:
        p.free -= need_of_chunk(w, s, tokens)
    w.chunk[r, p.chunks] = tokens
    w.before[r, p.chunks] = seat.filled
    w.who[r, p.chunks] = seat.at
    p.chunks += 1


@helper
def decode_need(w: Any, r: int) -> int:
    """Return the blocks that all decodes need for their next token."""
    return w.phase[r, w.pools[r].tick % w.rules[0].block]


@helper
def victim_place(w: Any, h: Any, now: float, r: int) -> int:
    """Return the place in the line of the request to evict: the last, or the one of highest score."""
    p = w.pools[r]
    if not w.rules[0].by_rank:
        return p.seated - 1
    best = NONE
    top = 0.0
    for place in range(p.seated):
        s = r * w.line.shape[1] + w.line[r, place]
        i = w.seats[s].request
        tokens = w.seats[s].filled if w.seats[s].state == FILLING else w.seats[s].base + p.tick
        score = h.score(now, i, tokens, held(w, r, s), w.requests, w.score_memory)
        later = best == NONE
        if not later and score == top:
            other = w.seats[r * w.line.shape[1] + w.line[r, best]].request
            later = w.requests[i].arrival > w.requests[other].arrival or (
                w.requests[i].arrival == w.requests[other].arrival and i > other
            )
        if best == NONE or score > top or later:
            best = place
            top = score
    return best


@helper
def untake(w: Any, r: int, s: int) -> int:
    """Take a seat that is about to be evicted out of the pass; return the tokens it had."""
    p = w.pools[r]
    tokens = 0
    for k in range(p.chunks):
        if w.who[r, k] == w.seats[s].at:
            tokens = w.chunk[r, k]
            for j in range(k, p.chunks - 1):
                w.chunk[r, j] = w.chunk[r, j + 1]
                w.before[r, j] = w.before[r, j + 1]
                w.who[r, j] = w.who[r, j + 1]
            p.chunks -= 1
            break
    return tokens


@helper
def make_room(w: Any, h: Any, now: float, r: int, place: int, need: int) -> tuple[int, int, bool]:
    """Evict until `need` blocks are free for the seat at `place` of the line.

    Return the place where it (or, if it was evicted itself, its successor) stands now, the tokens that came back to
    the budget from victims already in the pass, and whether it is still seated.
    """
    p = w.pools[r]
    back = 0
    while p.free < need:
        victim = victim_place(w, h, now, r)
        s = r * w.line.shape[1] + w.line[r, victim]
        blocks = held(w, r, s)
        if victim < place:  # only by rank: it is in the pass already
            if w.seats[s].state == FILLING:
                taken = untake(w, r, s)
                back += taken
                if w.rules[0].reserve == CHUNK:
                    blocks = blocks_for(w, w.seats[s].filled + taken)
            else:
                blocks = blocks_for(w, w.seats[s].base + p.tick + 1)
                back += 1
                p.ran -= 1
        evict(w, h, r, victim, blocks, now)
        if victim == place:
            return place, back, False
        if victim < place:
            place -= 1
    return place, back, True


@helper
def walk(w: Any, h: Any, now: float, r: int, room: int) -> int:
    """Go through the line in order; return the tokens left of the budget.

    In queue order the budget ends the walk; otherwise only decodes are visited, whatever the budget.
    """
    p = w.pools[r]
    rules = w.rules[0]
    queue_order = rules.compose == QUEUE_ORDER
    place = ZERO
    while place < p.seated and (room > 0 or not queue_order):
        s = r * w.line.shape[1] + w.line[r, place]
        seat = w.seats[s]
        if seat.state == FILLING:
            if not queue_order:
                place += 1
                continue
            tokens = min(seat.target - seat.filled, rules.threshold, room)
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
        s = r * w.line.shape[1] + w.line[r, k]
        if queue_order and w.seats[s].state == DECODING:
            w.seats[s].state = STARVED
            p.starved += 1
    return room


@helper
def walk_waiting(w: Any, r: int, limit: int) -> None:
    """Take up to `limit` decodes in order; one that needs a block and finds none waits, and goes first next time."""
    p = w.pools[r]
    rules = w.rules[0]
    first = r * w.line.shape[1]
    visited = 0
    for place in range(p.seated):
        seat = w.seats[first + w.line[r, place]]
        if seat.state == FILLING:
            continue
        need = 1 if (seat.base + p.tick) % rules.block == 0 else 0
        if visited < limit and need <= p.free:
            grab(w, r, need)
            p.ran += 1
        else:
            seat.state = STARVED
            p.starved += 1
        visited += 1
    # The line becomes: unfinished prompt, those that waited, those that ran.
    size = 0
    for kind in (FILLING, STARVED, DECODING):
        for place in range(p.seated):
            if w.seats[first + w.line[r, place]].state == kind:
                w.spare[r, rules.seats + size] = w.line[r, place]
                size += 1
    for place in range(size):
        w.line[r, place] = w.spare[r, rules.seats + place]


@helper
def run_decodes(w: Any, h: Any, now: float, r: int, room: int) -> int:
    """Put the decodes (and, in queue order, unfinished prompts) into the pass; return the tokens left."""
    p = w.pools[r]
    rules = w.rules[0]
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
            seat = w.seats[s]
            part = min(seat.target - seat.filled, rules.threshold)
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
            part = min(w.seats[s].target - w.seats[s].filled, rules.threshold, room)
            if part > 0:
                take_chunk(w, r, s, part)
                room -= part
    return room


@helper
def continue_prompts(w: Any, r: int, room: int) -> int:
    """Put unfinished prompts into the pass, after the decodes; return the tokens left, 0 to admit nobody."""
    p = w.pools[r]
    rules = w.rules[0]
    for k in range(p.filling):
        s = r * w.line.shape[1] + w.fill[r, k]
        seat = w.seats[s]
        rest = seat.target - seat.filled
        tokens = min(rest, rules.threshold, room)
        if rules.compose == SPLIT_FUSE:
            if p.free == 0 or p.ran + p.chunks >= rules.batch:
                return 0
            if rest > 1 and need_of_chunk(w, s, rest) > p.free:
                return 0
        if tokens > 0:
            take_chunk(w, r, s, tokens)
            room -= tokens
    return room


@helper
def swap_in(w: Any, r: int, now: float) -> None:
    """Bring swapped-out requests back while they fit above the watermark."""
    p = w.pools[r]
    rules = w.rules[0]
    while p.swapped != NONE and p.seated < rules.seats:
        i = p.swapped
        request = w.requests[i]
        context = request.prompt + request.generated - 1
        blocks = blocks_for(w, context)
        if p.free - (blocks + 1) < rules.watermark:
            break
        p.swapped = request.next
        p.host += blocks
        p.moved += blocks
        s = seat_request(w, r, i, now)
        grab(w, r, blocks)
        decode(w, r, s, request.output - request.generated, context, request.last)
        if (w.seats[s].base + p.tick) % rules.block == 0:
            grab(w, r, ONE)
        p.ran += 1
        p.stalled = 1


@helper
def start_need(w: Any, r: int, i: int, hit: int, tokens: int, target: int) -> int:
    """Return the blocks that must be free to start a waiting request with `tokens` tokens after `hit` cached ones."""
    rules = w.rules[0]
    if rules.reserve == LONGEST:
        return blocks_for(w, rules.longest)
    if rules.reserve == PROMPT:
        return blocks_for(w, target)
    upto = target if rules.compose == SPLIT_FUSE else hit + tokens
    need = blocks_for(w, upto) - hit // rules.block
    if hit > 0:
        need += prefix.fresh_hits(w, r, i, hit // rules.block)
    return need


@helper
def admit(w: Any, h: Any, now: float, r: int, room: int) -> None:
    """Start waiting requests while seats, tokens and blocks suffice; the head of the queue blocks the others."""
    p = w.pools[r]
    rules = w.rules[0]
    skipped = NONE
    while p.waiting != NONE and room > 0 and p.seated < rules.seats and p.ran + p.chunks < rules.batch:
        i = p.waiting
        target = w.requests[i].prompt + w.requests[i].generated
        hit = 0
        if rules.cache:
            hit = prefix.hits(w, r, i, target - 1) * rules.block
        tokens = min(target - hit, rules.threshold)
        if tokens > room:
            if not rules.chunked and rules.compose == QUEUE_ORDER:  # look behind the head
                dequeue(w, r)
                w.requests[i].child = skipped
                skipped = i
                continue
            if not rules.chunked:
                break
            tokens = room
        need = start_need(w, r, i, hit, tokens, target)
        if p.free - need < rules.watermark or (rules.compose == SPLIT_FUSE and p.free == 0):
            break
        alone = p.seated == 0
        if not alone and not h.admit(now, i, need, p.free, p.seated, w.requests, w.admit_memory):
            p.held = 1
            break
        dequeue(w, r)
        place_request(w, r, i, hit, tokens, need, now)
        room -= tokens
    while skipped != NONE:
        i = skipped
        skipped = w.requests[i].child
        line_up(w, r, i)


@helper
def place_request(w: Any, r: int, i: int, hit: int, tokens: int, need: int, now: float) -> None:
    """Seat an admitted request and put its first chunk into the pass."""
    p = w.pools[r]
    rules = w.rules[0]
    s = seat_request(w, r, i, now)
    w.fill[r, p.filling] = w.seats[s].at
    p.filling += 1
    if hit > 0:
        prefix.seat_hits(w, r, s, i, hit // rules.block)
        w.seats[s].filled = hit
    w.seats[s].hit = hit
    if w.requests[i].preemptions == 0:
        w.requests[i].cached = hit
    else:
        p.recomputed -= min(hit, p.recomputed)
    if rules.reserve != CHUNK:
        p.free -= need
    take_chunk(w, r, s, tokens)


@helper
def prompts_may_start(w: Any, now: float, r: int) -> bool:
    """Tell whether the delay factor lets prompts start: the oldest waited long enough, or nothing runs."""
    p = w.pools[r]
    if w.rules[0].delay <= 0.0 or p.seated == 0 or p.waiting == NONE:
        return True
    return now - w.requests[p.waiting].arrival > w.rules[0].delay * p.last_prefill


@helper
def compose(w: Any, h: Any, now: float, r: int) -> None:
    """Choose the tokens of the next pass of a replica: `ran` decodes and `chunks` prompt chunks."""
    p = w.pools[r]
    rules = w.rules[0]
    p.chunks = 0
    p.ran = 0
    p.starved = 0
    p.evicted = 0
    p.moved = 0
    p.held = 0
    room = min(h.budget(now, p.decodes, p.base + p.decodes * p.tick, w.budget_memory), FOREVER)
    if rules.compose == PREFILL_FIRST:
        if p.swapped == NONE:
            if prompts_may_start(w, now, r):
                admit(w, h, now, r, room)
            else:
                p.held = 1
        if p.chunks == 0:
            run_decodes(w, h, now, r, room)
            if p.evicted == 0:
                swap_in(w, r, now)
        return
    room = run_decodes(w, h, now, r, room)
    if rules.compose != QUEUE_ORDER:
        room = continue_prompts(w, r, room)
    if rules.victims == SWAP and p.evicted == 0:
        before = p.ran
        swap_in(w, r, now)
        room -= p.ran - before
    if p.evicted == 0 or rules.readmit:
        admit(w, h, now, r, room)
    if rules.compose == SPLIT_FUSE:
        if p.ran == 0 and p.chunks == 0 and p.seated > 0:
            break_deadlock(w, h, now, r)
        if p.chunks > 0:
            order_prompts(w, r)


@helper
def break_deadlock(w: Any, h: Any, now: float, r: int) -> None:
    """Flush the last-entered request that holds blocks until something can run."""
    p = w.pools[r]
    first = r * w.line.shape[1]
    while p.ran == 0 and p.chunks == 0 and p.seated > 0:
        for place in range(p.seated):  # nobody ran, so nobody was left out
            if w.seats[first + w.line[r, place]].state == STARVED:
                w.seats[first + w.line[r, place]].state = DECODING
        p.starved = 0
        s = first + w.line[r, p.seated - 1]
        evict(w, h, r, p.seated - 1, held(w, r, s), now)
        room = run_decodes(w, h, now, r, w.rules[0].budget)
        room = continue_prompts(w, r, room)
        admit(w, h, now, r, room)


@helper
def order_prompts(w: Any, r: int) -> None:
    """Keep the buffer's order: an unfinished prompt stands first, a finished one goes behind the decodes."""
    p = w.pools[r]
    first = r * w.line.shape[1]
    size = 0
    for kind in range(3):
        for place in range(p.seated):
            own = w.line[r, place]
            seat = w.seats[first + own]
            mine = 1
            if seat.state == FILLING:
                mine = 2
                for k in range(p.chunks):
                    if w.who[r, k] == own and seat.filled + w.chunk[r, k] < seat.target:
                        mine = 0
                taken = False
                for k in range(p.chunks):
                    taken = taken or w.who[r, k] == own
                if not taken:
                    mine = 0
            if mine == kind:
                w.spare[r, w.rules[0].seats + size] = own
                size += 1
    for place in range(size):
        w.line[r, place] = w.spare[r, w.rules[0].seats + place]
