"""The block pool of one replica when a prefix cache is on.

All blocks that nobody references, cached or not, stand in one free queue. Allocation takes its head and forgets that
block's content; a hit takes a block out of the middle; a request that ends appends its blocks in reverse order, so
that the tail of a sequence is forgotten first. Blocks that hold generated tokens are interchangeable until their
request ends, so they wait in a bag and get their content only then.

`link[r, b]` is (previous, next) in the free queue. A content is found through an open-addressing table; blocks with
the same content form a chain, oldest first.
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving.records import NONE
from evenly.kernel.serving.views import pool, request_at, rules_of, seat_at

HEAD, TAIL, BAG = 0, 1, 2


@helper
def mix(one: int, other: int) -> int:
    """Hash two numbers to 64 bits, never 0 (splitmix64 finaliser)."""
    x = np.uint64(one) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(other) + np.uint64(0x632BE59BD9B4E019)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return int(np.int64(x | np.uint64(1)))


@helper
def content(w: Any, i: int, block: int) -> int:
    """Return the identity of the tokens in a full block of request `i`, all earlier tokens included."""
    request = request_at(w, i)
    size = rules_of(w).block
    if request.id_count > 0 and (block + 1) * size <= request.prompt:
        place = ((block + 1) * size - 1) // w.id_block[0]  # ids are cumulative: the one at its end covers the block
        if place < request.id_count:
            return mix(w.ids[request.ids + place] * 4, block)
    teller = request.history
    while (block + 1) * size <= request_at(w, teller).fork:
        teller = request_at(w, teller).trunk
    return mix(teller * 4 + 1, block)


@helper
def _home(w: Any, r: int, key: int) -> int:
    return int(np.uint64(key) >> np.uint64(7)) & (w.slots.shape[1] - 1)


@helper
def find(w: Any, r: int, key: int) -> int:
    """Return the oldest block with this content, or `NONE`."""
    place = _home(w, r, key)
    while w.slots[r, place] != 0:
        block = w.slots[r, place] - 1
        if w.key[r, block] == key:
            return block
        place = (place + 1) & (w.slots.shape[1] - 1)
    return NONE


@helper
def register(w: Any, r: int, block: int, key: int) -> None:
    """Make a block findable by its content."""
    w.key[r, block] = key
    w.twin[r, block] = NONE
    place = _home(w, r, key)
    while w.slots[r, place] != 0:
        first = w.slots[r, place] - 1
        if w.key[r, first] == key:
            while w.twin[r, first] != NONE:
                first = w.twin[r, first]
            w.twin[r, first] = block
            return
        place = (place + 1) & (w.slots.shape[1] - 1)
    w.slots[r, place] = block + 1


@helper
def forget(w: Any, r: int, block: int) -> None:
    """Remove a block's content."""
    key = w.key[r, block]
    if key == 0:
        return
    mask = w.slots.shape[1] - 1
    place = _home(w, r, key)
    while w.key[r, w.slots[r, place] - 1] != key:
        place = (place + 1) & mask
    first = w.slots[r, place] - 1
    w.key[r, block] = 0
    if first != block:
        while w.twin[r, first] != block:
            first = w.twin[r, first]
        w.twin[r, first] = w.twin[r, block]
        return
    if w.twin[r, block] != NONE:
        w.slots[r, place] = w.twin[r, block] + 1
        return
    hole = place  # close the gap, so that probing needs no tombstones
    while True:
        place = (place + 1) & mask
        if w.slots[r, place] == 0:
            break
        home = _home(w, r, w.key[r, w.slots[r, place] - 1])
        if ((place - home) & mask) >= ((place - hole) & mask):
            w.slots[r, hole] = w.slots[r, place]
            hole = place
    w.slots[r, hole] = 0


@helper
def append(w: Any, r: int, block: int) -> None:
    """Put a block at the tail of the free queue."""
    tail = w.ends[r, TAIL]
    w.link[r, block, 0] = tail
    w.link[r, block, 1] = NONE
    if tail == NONE:
        w.ends[r, HEAD] = block
    else:
        w.link[r, tail, 1] = block
    w.ends[r, TAIL] = block
    pool(w, r).free += 1


@helper
def prepend(w: Any, r: int, block: int) -> None:
    """Put a block at the head of the free queue."""
    head = w.ends[r, HEAD]
    w.link[r, block, 0] = NONE
    w.link[r, block, 1] = head
    if head == NONE:
        w.ends[r, TAIL] = block
    else:
        w.link[r, head, 0] = block
    w.ends[r, HEAD] = block
    pool(w, r).free += 1


@helper
def unlink(w: Any, r: int, block: int) -> None:
    """Take a block out of the free queue."""
    before = w.link[r, block, 0]
    after = w.link[r, block, 1]
    if before == NONE:
        w.ends[r, HEAD] = after
    else:
        w.link[r, before, 1] = after
    if after == NONE:
        w.ends[r, TAIL] = before
    else:
        w.link[r, after, 0] = before
    pool(w, r).free -= 1


@helper
def take(w: Any, r: int) -> int:
    """Take the head of the free queue; its old content is forgotten."""
    block = w.ends[r, HEAD]
    unlink(w, r, block)
    forget(w, r, block)
    w.owners[r, block] = 1
    return block


@helper
def take_anonymous(w: Any, r: int, count: int) -> None:
    """Take blocks for generated tokens into the bag."""
    for _ in range(count):
        block = take(w, r)
        w.bag[r, w.ends[r, BAG]] = block
        w.ends[r, BAG] += 1


@helper
def hits(w: Any, r: int, i: int, tokens: int) -> int:
    """Return how many leading full blocks of `tokens` tokens of request `i` are cached."""
    count = 0
    limit = tokens // rules_of(w).block
    while count < limit and find(w, r, content(w, i, count)) != NONE:
        count += 1
    return count


@helper
def fresh_hits(w: Any, r: int, i: int, count: int) -> int:
    """Return how many of the first `count` cached blocks nobody references: a hit takes them from the free queue."""
    free = 0
    for block in range(count):
        if w.owners[r, find(w, r, content(w, i, block))] == 0:
            free += 1
    return free


@helper
def seat_hits(w: Any, r: int, s: int, i: int, count: int) -> None:
    """Give the first `count` cached blocks to a seat."""
    for place in range(count):
        block = find(w, r, content(w, i, place))
        if w.owners[r, block] == 0:
            unlink(w, r, block)
        w.owners[r, block] += 1
        w.table[s, place] = block
    seat_at(w, s).table = count
    seat_at(w, s).sealed = count


@helper
def seat_chunk(w: Any, r: int, s: int, tokens: int) -> None:
    """Give a seat blocks until it holds `tokens` tokens, and register those that are full."""
    seat = seat_at(w, s)
    size = rules_of(w).block
    while seat.table * size < tokens:
        w.table[s, seat.table] = take(w, r)
        seat.table += 1
    while (seat.sealed + 1) * size <= tokens:
        register(w, r, w.table[s, seat.sealed], content(w, seat.request, seat.sealed))
        seat.sealed += 1


@helper
def unseat(w: Any, r: int, s: int, blocks: int, tokens: int) -> None:
    """Release the `blocks` blocks of a seat that holds `tokens` computed tokens, last block first."""
    seat = seat_at(w, s)
    size = rules_of(w).block
    place = blocks - 1
    while place >= 0:
        if place >= seat.table:
            w.ends[r, BAG] -= 1
            block = w.bag[r, w.ends[r, BAG]]
        else:
            block = w.table[s, place]
        if place >= seat.sealed and (place + 1) * size <= tokens:
            register(w, r, block, content(w, seat.request, place))
        w.owners[r, block] -= 1
        if w.owners[r, block] == 0:
            if rules_of(w).blank and w.key[r, block] == 0:
                prepend(w, r, block)
            else:
                append(w, r, block)
        place -= 1


@helper
def clear(w: Any, r: int) -> None:
    """Forget the content of all blocks of a replica, none of which is referenced."""
    for block in range(w.key.shape[1]):
        w.key[r, block] = 0
        w.twin[r, block] = NONE
    for place in range(w.slots.shape[1]):
        w.slots[r, place] = 0
