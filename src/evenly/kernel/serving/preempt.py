"""Who gives way when blocks are missing."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.admit import start_need
from evenly.kernel.serving.chunks import untake
from evenly.kernel.serving.records import CHUNK, FILLING, NONE, ONE, ZERO
from evenly.kernel.serving.retain import give_up
from evenly.kernel.serving.seating import blocks_for, evict, held
from evenly.kernel.serving.views import pool, request_at, rules_of, seat_at, seat_in_line


@helper
def victim_place(w: Any, h: Any, now: float, r: int, decoding: bool) -> int:
    """Return the place in the line of the request to evict: the last, or the one of highest score.

    `decoding`: only of those that decode; there is one.
    """
    p = pool(w, r)
    if not rules_of(w).by_rank:
        place = p.seated - 1
        while decoding and seat_at(w, seat_in_line(w, r, place)).state == FILLING:
            place -= 1
        return place
    best = NONE
    top = 0.0
    for place in range(p.seated):
        s = seat_in_line(w, r, place)
        if decoding and seat_at(w, s).state == FILLING:
            continue
        i = seat_at(w, s).request
        tokens = seat_at(w, s).filled if seat_at(w, s).state == FILLING else seat_at(w, s).base + p.tick
        score = h.score(now, i, tokens, held(w, r, s), w.requests, w.score_memory)
        later = best == NONE
        if not later and score == top:
            other = seat_at(w, seat_in_line(w, r, best)).request
            later = request_at(w, i).arrival > request_at(w, other).arrival or (
                request_at(w, i).arrival == request_at(w, other).arrival and i > other
            )
        if best == NONE or score > top or later:
            best = place
            top = score
    return best


@helper
def make_room(w: Any, h: Any, now: float, r: int, place: int, need: int) -> tuple[int, int, bool]:
    """Evict until `need` blocks are free for the seat at `place` of the line.

    Return the place where it (or, if it was evicted itself, its successor) stands now, the tokens that came back to
    the budget from victims already in the pass, and whether it is still seated.
    """
    p = pool(w, r)
    back = 0
    while p.free < need:
        if p.seated == 1 and give_up(w, r):
            continue
        victim = victim_place(w, h, now, r, False)
        s = seat_in_line(w, r, victim)
        blocks = held(w, r, s)
        decoded = ZERO
        if victim < place:  # only by rank: it is in the pass already
            if seat_at(w, s).state == FILLING:
                taken = untake(w, r, s)
                back += taken
                if rules_of(w).reserve == CHUNK:
                    blocks = blocks_for(w, seat_at(w, s).filled + taken)
            else:
                decoded = ONE
                blocks = blocks_for(w, seat_at(w, s).base + p.tick + decoded)
                back += 1
                p.ran -= 1
        evict(w, h, r, victim, blocks, decoded, now)
        if victim == place:
            return place, back, False
        if victim < place:
            place -= 1
    return place, back, True


@helper
def less_urgent(w: Any, h: Any, now: float, r: int, one: int, other: int) -> bool:
    """Tell whether request `one` would be preempted before request `other`: by score, then arrival, then index."""
    a = h.score(now, one, ZERO, ZERO, w.requests, w.score_memory)
    b = h.score(now, other, ZERO, ZERO, w.requests, w.score_memory)
    if a != b:
        return a > b
    if request_at(w, one).arrival != request_at(w, other).arrival:
        return request_at(w, one).arrival > request_at(w, other).arrival
    return one > other


@helper
def usurp(w: Any, h: Any, now: float, r: int, room: int) -> None:
    """Sort the line by urgency, and preempt from its end for a more urgent head of the queue that does not fit."""
    p = pool(w, r)
    first = r * w.line.shape[1]
    for place in range(1, p.seated):
        own = w.line[r, place]
        k = place
        while k > 0 and less_urgent(
            w, h, now, r, seat_at(w, seat_in_line(w, r, k - 1)).request, seat_at(w, first + own).request
        ):
            w.line[r, k] = w.line[r, k - 1]
            k -= 1
        w.line[r, k] = own
    i = p.waiting
    if i == NONE:
        return
    tokens = request_at(w, i).prompt + request_at(w, i).generated
    need = start_need(w, r, i, ZERO, tokens, tokens)
    while p.seated > 0:
        s = seat_in_line(w, r, p.seated - 1)
        if not less_urgent(w, h, now, r, seat_at(w, s).request, i):
            return
        if tokens <= room and p.spare_seats > 0 and p.free - need >= rules_of(w).watermark:
            return
        evict(w, h, r, p.seated - 1, held(w, r, s), ZERO, now)
