"""The prompt chunks of the pass being composed."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import prefix
from evenly.kernel.serving.records import CHUNK
from evenly.kernel.serving.seating import FOREVER, blocks_for
from evenly.kernel.serving.views import pool, rules_of, seat_at


@helper
def need_of_chunk(w: Any, s: int, tokens: int) -> int:
    """Return the new blocks that a filling seat needs for `tokens` more tokens."""
    if rules_of(w).reserve != CHUNK:
        return 0
    seat = seat_at(w, s)
    return blocks_for(w, seat.filled + tokens) - blocks_for(w, seat.filled)


@helper
def longest_chunk(w: Any, r: int) -> int:
    """Return the tokens of one prompt in a pass at most, whatever the budget."""
    rules = rules_of(w)
    if rules.lone and pool(w, r).seated + pool(w, r).queue <= 1:
        return FOREVER
    return rules.threshold


@helper
def take_chunk(w: Any, r: int, s: int, tokens: int) -> None:
    """Put prompt tokens of a filling seat into the pass and give it their blocks."""
    p = pool(w, r)
    seat = seat_at(w, s)
    if rules_of(w).cache:
        prefix.seat_chunk(w, r, s, seat.filled + tokens)
    else:
        p.free -= need_of_chunk(w, s, tokens)
    w.chunk[r, p.chunks] = tokens
    w.before[r, p.chunks] = seat.filled
    w.who[r, p.chunks] = seat.at
    p.chunks += 1


@helper
def untake(w: Any, r: int, s: int) -> int:
    """Take a seat that is about to be evicted out of the pass; return the tokens it had."""
    p = pool(w, r)
    tokens = 0
    for k in range(p.chunks):
        if w.who[r, k] == seat_at(w, s).at:
            tokens = w.chunk[r, k]
            for j in range(k, p.chunks - 1):
                w.chunk[r, j] = w.chunk[r, j + 1]
                w.before[r, j] = w.before[r, j + 1]
                w.who[r, j] = w.who[r, j + 1]
            p.chunks -= 1
            break
    return tokens
