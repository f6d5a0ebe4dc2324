"""Which pages of device and host hold which tokens, where a copy must know it.

A request has a row on the device and a slot on the host; each lists pages in the order of its tokens. Pages come one by
one from a stack, or in block groups: runs that are reserved at once, so that a copy of many pages has few pieces.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.records import ZERO
from evenly.kernel.serving.views import pool, rules_of, tier_of

DEVICE_SIDE, HOST_SIDE = 0, 1


@helper
def spare_pages(w: Any, r: int, side: int) -> int:
    """Return the pages of one side that nobody holds; what is only reserved counts."""
    return w.stacked[2 * r + side]


@helper
def take(w: Any, r: int, side: int, own: int, have: int, count: int) -> None:
    """Give `count` further pages to a row or slot that has `have`; they must be there."""
    q = 2 * r + side
    left = w.stacked[q] - count
    w.stacked[q] = left
    if side == DEVICE_SIDE:
        pool(w, r).free = left
        for k in range(count):
            w.device_pages[r * w.spare_rows.shape[1] + own, have + k] = w.stack[q, left + count - 1 - k]
    else:
        pool(w, r).host = left
        for k in range(count):
            w.host_pages[r * (len(w.copies) // len(w.tiers)) + own, have + k] = w.stack[q, left + count - 1 - k]


@helper
def trim(w: Any, r: int, side: int, own: int, have: int, keep: int) -> None:
    """Take all but the first `keep` of its `have` pages from a row or slot; the last one goes deepest."""
    q = 2 * r + side
    at = w.stacked[q]
    w.stacked[q] = at + have - keep
    if side == DEVICE_SIDE:
        pool(w, r).free = at + have - keep
        for k in range(have - keep):
            w.stack[q, at + k] = w.device_pages[r * w.spare_rows.shape[1] + own, have - 1 - k]
    else:
        pool(w, r).host = at + have - keep
        for k in range(have - keep):
            w.stack[q, at + k] = w.host_pages[r * (len(w.copies) // len(w.tiers)) + own, have - 1 - k]


@helper
def pieces(w: Any, r: int, row: int, slot: int, since: int, until: int) -> int:
    """Return in how many pieces pages `since` to `until` are copied between a row and a slot."""
    if rules_of(w).merged == 0:
        return until - since
    count = 0
    here = r * w.spare_rows.shape[1] + row
    there = r * (len(w.copies) // len(w.tiers)) + slot
    for k in range(since, until):
        if (
            k == since
            or w.device_pages[here, k] != w.device_pages[here, k - 1] + 1
            or w.host_pages[there, k] != w.host_pages[there, k - 1] + 1
        ):
            count += 1
    return count


@helper
def take_row(w: Any, r: int) -> int:
    """Return an unused row of the device; there must be one."""
    tier = tier_of(w, r)
    tier.rows -= 1
    return w.spare_rows[r, tier.rows]


@helper
def give_row(w: Any, r: int, row: int, pages: int) -> None:
    """Give a row back, with its pages."""
    trim(w, r, DEVICE_SIDE, row, pages, ZERO)
    w.spare_rows[r, tier_of(w, r).rows] = row
    tier_of(w, r).rows += 1
