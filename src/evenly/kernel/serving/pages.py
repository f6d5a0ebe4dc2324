"""Which pages of device and host hold which tokens, where a copy must know it.

A request has a row on the device and a slot on the host; each lists pages in the order of its tokens. Pages come one by
one from a stack, or in block groups: runs that are reserved at once, so that a copy of many pages has few pieces.
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving import groups
from evenly.kernel.serving.records import ZERO
from evenly.kernel.serving.views import pool, rules_of, tier_of

DEVICE_SIDE, HOST_SIDE = 0, 1
LEAST_INT: Any = np.int64(-(1 << 63))


@helper
def spare_pages(w: Any, r: int, side: int) -> int:
    """Return the pages of one side that nobody uses; what is only reserved counts."""
    q = 2 * r + side
    return groups.available(w.cells, w.pool_at[q]) if rules_of(w).groups else w.stacked[q]


@helper
def count_spare(w: Any, r: int, side: int) -> None:
    """Note in the replica's record how many pages of one side are spare."""
    p = pool(w, r)
    if side == DEVICE_SIDE:
        p.free = spare_pages(w, r, side)
    else:
        p.host = spare_pages(w, r, side)
        p.least_host = min(p.least_host, p.host)


@helper
def row_of(w: Any, r: int, side: int, own: int) -> int:
    """Return where the pages of a row or slot are listed."""
    per_replica = w.spare_rows.shape[1] if side == DEVICE_SIDE else len(w.copies) // len(w.tiers)
    return r * per_replica + own


@helper
def take(w: Any, r: int, side: int, own: int, have: int, count: int) -> None:
    """Give `count` further pages to a row or slot that has `have`; they must be there."""
    q = 2 * r + side
    if rules_of(w).groups:
        active = pool(w, r).seated + (pool(w, r).queue if side == HOST_SIDE else ZERO)
        wanted = min(rules_of(w).groups, groups.want(w.cells, w.pool_at[q], active))
        groups.grow(w.cells, w.pool_at[q], own, count, wanted)
    else:
        pages = w.device_pages if side == DEVICE_SIDE else w.host_pages
        row = row_of(w, r, side, own)
        w.stacked[q] -= count
        for k in range(count):
            pages[row, have + k] = w.stack[q, w.stacked[q] + count - 1 - k]
    count_spare(w, r, side)


@helper
def trim(w: Any, r: int, side: int, own: int, have: int, keep: int) -> None:
    """Take all but the first `keep` of its `have` pages from a row or slot."""
    q = 2 * r + side
    if rules_of(w).groups:
        groups.trim(w.cells, w.pool_at[q], own, keep)
    else:
        pages = w.device_pages if side == DEVICE_SIDE else w.host_pages
        row = row_of(w, r, side, own)
        for k in range(have - keep):  # the last one goes deepest, so that they come back in order
            w.stack[q, w.stacked[q] + k] = pages[row, have - 1 - k]
        w.stacked[q] += have - keep
    count_spare(w, r, side)


@helper
def pieces(w: Any, r: int, row: int, slot: int, since: int, until: int) -> int:
    """Return in how many pieces pages `since` to `until` are copied between a row and a slot."""
    if rules_of(w).merged == 0:
        return until - since
    if rules_of(w).groups:
        return groups.copies(w.cells, w.pool_at[2 * r], row, w.pool_at[2 * r + 1], slot, since, until)
    count = ZERO
    here = row_of(w, r, DEVICE_SIDE, row)
    there = row_of(w, r, HOST_SIDE, slot)
    for k in range(since, until):
        if (
            k == since
            or w.device_pages[here, k] != w.device_pages[here, k - 1] + 1
            or w.host_pages[there, k] != w.host_pages[there, k - 1] + 1
        ):
            count += 1
    return count


@helper
def set_urgency(w: Any, r: int, side: int, own: int, rank: float) -> None:
    """Tell the rank of the owner of a row or slot: the highest loses what it has only reserved first."""
    if rules_of(w).groups:  # bits of a float, as whole numbers, rise with it, and fall below 0
        bits: Any = np.float64(rank + 0.0).view(np.int64)
        groups.set_rank(w.cells, w.pool_at[2 * r + side], own, bits if bits >= 0 else LEAST_INT - bits)


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
