"""The link between device and host: one lane a direction, each in order, and the copies that stay on the host.

A copy of pages in g pieces takes max(g x dispatch, bytes / bandwidth) + start. When it will be complete is known when
it is given to its lane; until then its device pages belong to nobody else, and its request can do nothing.
"""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import heap
from evenly.kernel.serving.pages import HOST_SIDE, give_row, pieces, set_urgency, spare_pages, take, trim
from evenly.kernel.serving.records import NONE, ZERO
from evenly.kernel.serving.seating import blocks_for
from evenly.kernel.serving.views import copy_at, request_at, rules_of, switch_of, tier_of

OUT, IN = 0.0, 1.0  # in the log of copies
COPY_COLUMNS = 7  # replica, request, direction, start, end, pages, pieces


@helper
def copy_seconds(w: Any, count: int, pages: int) -> float:
    """Return how long a copy of `pages` pages in `count` pieces takes."""
    rules = rules_of(w)
    return max(count * rules.copy_run, pages * rules.copy_page) + rules.copy_start


@helper
def write_copy(w: Any, r: int, i: int, way: float, start: float, end: float, pages: int, count: int) -> None:
    """Append a copy to the log of copies, while there is room."""
    row = w.copy_log_size[0]
    if row >= w.copy_log.shape[0]:
        return
    w.copy_log[row, 0] = r
    w.copy_log[row, 1] = i
    w.copy_log[row, 2] = way
    w.copy_log[row, 3] = start
    w.copy_log[row, 4] = end
    w.copy_log[row, 5] = pages
    w.copy_log[row, 6] = count
    w.copy_log_size[0] = row + 1


@helper
def shrink(w: Any, r: int, slot: int, keep: int) -> None:
    """Overwrite all but the first `keep` pages of a copy; without any it is gone."""
    copy = copy_at(w, r, slot)
    trim(w, r, HOST_SIDE, slot, copy.pages, keep)
    copy.pages = keep
    copy.tokens = min(copy.tokens, keep * rules_of(w).block)
    if keep == 0:
        switch_of(w, copy.owner).slot = NONE
        copy.owner = NONE
        copy.next = tier_of(w, r).slots
        tier_of(w, r).slots = slot


@helper
def least_urgent_copy(w: Any, r: int, i: int, now: float) -> int:
    """Return the copy that request `i` may overwrite: that of the last owner after it; `NONE` if there is none."""
    last = NONE
    for slot in range(tier_of(w, r).used):
        owner = copy_at(w, r, slot).owner
        if owner in (NONE, i) or switch_of(w, owner).ready > now or not heap.precedes(w.requests, i, owner):
            continue
        if last == NONE or heap.precedes(w.requests, copy_at(w, r, last).owner, owner):
            last = slot
    return last


@helper
def clear_host(w: Any, r: int, i: int, need: int, now: float) -> bool:
    """Overwrite copies of less urgent owners until `need` pages of the host are free; tell whether they are."""
    while spare_pages(w, r, HOST_SIDE) < need:
        slot = least_urgent_copy(w, r, i, now)
        if slot == NONE:
            return False
        pages = copy_at(w, r, slot).pages
        shrink(w, r, slot, max(ZERO, pages - (need - spare_pages(w, r, HOST_SIDE))))
    return True


@helper
def slot_for(w: Any, r: int, i: int) -> int:
    """Return the slot of a request, which gets one if it has none."""
    switch = switch_of(w, i)
    if switch.slot == NONE:
        slot = tier_of(w, r).slots
        copy = copy_at(w, r, slot)
        tier_of(w, r).slots = copy.next
        copy.owner = i
        copy.tokens = 0
        copy.pages = 0
        switch.slot = slot
        tier_of(w, r).used = max(tier_of(w, r).used, slot + 1)
        set_urgency(w, r, HOST_SIDE, slot, request_at(w, i).rank)
    return switch.slot


@helper
def send(w: Any, r: int, i: int, tokens: int, pages: int, now: float) -> None:
    """Copy what the host does not have yet of a request's `tokens` tokens; its `pages` pages are free after that.

    Where the host has no room, what it has stays, and the rest must be computed again.
    """
    switch = switch_of(w, i)
    valid = ZERO if switch.slot == NONE else copy_at(w, r, switch.slot).tokens
    held = ZERO if switch.slot == NONE else copy_at(w, r, switch.slot).pages
    since = valid // rules_of(w).block
    until = blocks_for(w, tokens)
    if valid >= tokens or tier_of(w, r).pages == 0 or not clear_host(w, r, i, until - held, now):
        give_row(w, r, switch.row, pages)
        switch.row = NONE
        return
    slot = slot_for(w, r, i)
    take(w, r, HOST_SIDE, slot, held, until - held)
    copy_at(w, r, slot).pages = until
    copy_at(w, r, slot).tokens = tokens
    count = pieces(w, r, switch.row, slot, since, until)
    tier = tier_of(w, r)
    start = max(now, tier.out_end)
    tier.out_end = start + copy_seconds(w, count, until - since)
    tier.outs += 1
    tier.pages_out += until - since
    tier.runs += count
    switch.ready = tier.out_end
    switch.later = NONE
    if tier.first == NONE:
        tier.first = i
    else:
        switch_of(w, tier.last).later = i
    tier.last = i
    switch.pages = pages
    write_copy(w, r, i, OUT, start, tier.out_end, until - since, count)


@helper
def fetch(w: Any, r: int, i: int, tokens: int, now: float) -> None:
    """Copy the first `tokens` tokens of a request's copy into its row."""
    switch = switch_of(w, i)
    pages = blocks_for(w, tokens)
    count = pieces(w, r, switch.row, switch.slot, ZERO, pages)
    tier = tier_of(w, r)
    start = max(now, tier.in_end)
    tier.in_end = start + copy_seconds(w, count, pages)
    tier.ins += 1
    tier.pages_in += pages
    tier.runs += count
    tier.coming += 1
    switch.ready = tier.in_end
    write_copy(w, r, i, IN, start, tier.in_end, pages, count)


@helper
def pass_on(w: Any, r: int, i: int) -> None:
    """Give a new turn the copy that the turn before it left on this replica."""
    j = request_at(w, i).parent
    if j == NONE or switch_of(w, j).slot == NONE or request_at(w, j).replica != r:
        return
    if request_at(w, i).history != request_at(w, j).history:
        return
    switch_of(w, i).slot = switch_of(w, j).slot
    switch_of(w, i).ready = switch_of(w, j).ready
    copy_at(w, r, switch_of(w, i).slot).owner = i
    set_urgency(w, r, HOST_SIDE, switch_of(w, i).slot, request_at(w, i).rank)
    switch_of(w, j).slot = NONE


@helper
def next_copy(w: Any, r: int) -> float:
    """Return when the next copy to the host is complete; infinite if none is under way."""
    first = tier_of(w, r).first
    return math.inf if first == NONE else switch_of(w, first).ready


@helper
def free_sent(w: Any, r: int, now: float) -> None:
    """Free the device pages of copies to the host that are complete."""
    tier = tier_of(w, r)
    while tier.first != NONE and switch_of(w, tier.first).ready <= now:
        switch = switch_of(w, tier.first)
        give_row(w, r, switch.row, switch.pages)
        switch.row = NONE
        tier.first = switch.later
