"""Dynamic SplitFuse: decodes that find no block wait instead of evicting, and the line rotates."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.records import DECODING, FILLING, STARVED
from evenly.kernel.serving.seating import grab
from evenly.kernel.serving.views import pool, rules_of, seat_at, seat_in_line


@helper
def walk_waiting(w: Any, r: int, limit: int) -> None:
    """Take up to `limit` decodes in order; one that needs a block and finds none waits, and goes first next time."""
    p = pool(w, r)
    rules = rules_of(w)
    visited = 0
    for place in range(p.seated):
        seat = seat_at(w, seat_in_line(w, r, place))
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
            if seat_at(w, seat_in_line(w, r, place)).state == kind:
                w.spare[r, rules.seats + size] = w.line[r, place]
                size += 1
    for place in range(size):
        w.line[r, place] = w.spare[r, rules.seats + place]


@helper
def order_prompts(w: Any, r: int) -> None:
    """Keep the buffer's order: an unfinished prompt stands first, a finished one goes behind the decodes."""
    p = pool(w, r)
    size = 0
    for kind in range(3):
        for place in range(p.seated):
            own = w.line[r, place]
            seat = seat_at(w, seat_in_line(w, r, place))
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
                w.spare[r, rules_of(w).seats + size] = own
                size += 1
    for place in range(size):
        w.line[r, place] = w.spare[r, rules_of(w).seats + place]
