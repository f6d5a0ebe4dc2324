"""Who gives way when blocks are missing."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.admit import start_need
from evenly.kernel.serving.chunks import untake
from evenly.kernel.serving.records import CHUNK, FILLING, NONE, ZERO
from evenly.kernel.serving.seating import blocks_for, evict, held


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
def less_urgent(w: Any, h: Any, now: float, r: int, one: int, other: int) -> bool:
    """Tell whether request `one` would be preempted before request `other`: by score, then arrival, then index."""
    a = h.score(now, one, ZERO, ZERO, w.requests, w.score_memory)
    b = h.score(now, other, ZERO, ZERO, w.requests, w.score_memory)
    if a != b:
        return a > b
    if w.requests[one].arrival != w.requests[other].arrival:
        return w.requests[one].arrival > w.requests[other].arrival
    return one > other


@helper
def usurp(w: Any, h: Any, now: float, r: int, room: int) -> None:
    """Sort the line by urgency, and preempt from its end for a more urgent head of the queue that does not fit."""
    p = w.pools[r]
    first = r * w.line.shape[1]
    for place in range(1, p.seated):
        own = w.line[r, place]
        k = place
        while k > 0 and less_urgent(
            w, h, now, r, w.seats[first + w.line[r, k - 1]].request, w.seats[first + own].request
        ):
            w.line[r, k] = w.line[r, k - 1]
            k -= 1
        w.line[r, k] = own
    i = p.waiting
    if i == NONE:
        return
    tokens = w.requests[i].prompt + w.requests[i].generated
    need = start_need(w, r, i, ZERO, tokens, tokens)
    while p.seated > 0:
        s = first + w.line[r, p.seated - 1]
        if not less_urgent(w, h, now, r, w.seats[s].request, i):
            return
        if tokens <= room and p.seated < w.rules[0].seats and p.free - need >= w.rules[0].watermark:
            return
        evict(w, h, r, p.seated - 1, held(w, r, s), now)
