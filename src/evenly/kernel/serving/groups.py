"""Block groups: an owner's pages in few long runs, and as many pages for everybody as plain paging has.

An owner (a request, or its copy on the host) has logical pages 0, 1, 2, ... in groups, which are runs of consecutive
pages of the pool. The last group may end in a reserved tail that its owner grows into. A reservation never costs
capacity: when no page is free, the tail of another owner is given away.

Reference: A. Shen et al., "FastSwitch: Optimizing Context Switching Efficiency in Fairness-aware Large Language Model
Serving", 2024, dynamic block group manager.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.free_runs import (
    EARLIER,
    FIRST,
    FREE,
    HELD,
    LAST,
    LATER,
    NEXT,
    PAGES,
    RANK,
    RESERVED,
    SPAN,
    TAILED,
    USED,
    cut,
    largest,
    mark,
    owner_cell,
    page_cell,
    release,
    smallest,
)
from evenly.kernel.serving.records import NONE, ONE, ZERO

INITIAL = 64  # pages of a first group, if there is plenty


@helper
def available(cells: Any, pool: int) -> int:
    """Return how many pages can be given: free ones and reserved tails."""
    return cells[pool + FREE] + cells[pool + RESERVED]


@helper
def want(cells: Any, pool: int, active: int) -> int:
    """Return the pages of a new group: 64, or an equal part of the free ones for each of `active` owners."""
    return max(ONE, min(INITIAL, cells[pool + FREE] // max(ONE, active)))


@helper
def held(cells: Any, pool: int, owner: int) -> int:
    """Return the pages that an owner uses."""
    return cells[owner_cell(cells, pool, owner) + HELD]


@helper
def set_rank(cells: Any, pool: int, owner: int, rank: int) -> None:
    """Say how early an owner loses its reserved tail: the highest rank first."""
    cells[owner_cell(cells, pool, owner) + RANK] = rank


@helper
def first(cells: Any, pool: int, owner: int) -> int:
    """Return an owner's first group, which is the number of its first page, or `NONE`."""
    return cells[owner_cell(cells, pool, owner) + FIRST]


@helper
def after(cells: Any, pool: int, group: int) -> int:
    """Return the owner's next group, or `NONE`."""
    return cells[page_cell(cells, pool, group) + NEXT]


@helper
def used(cells: Any, pool: int, group: int) -> int:
    """Return the pages of a group that are in use; they are its first ones."""
    return cells[page_cell(cells, pool, group) + USED]


@helper
def tail(cells: Any, pool: int, owner: int) -> int:
    """Return the pages that are reserved after an owner's last one."""
    group = cells[owner_cell(cells, pool, owner) + LAST]
    if group == NONE:
        return ZERO
    at = page_cell(cells, pool, group)
    return -cells[at + SPAN] - cells[at + USED]


@helper
def reserve(cells: Any, pool: int, owner: int, more: int) -> None:
    """Account for a tail that became longer or, below 0, shorter: the owner joins or leaves the list of tails."""
    now = tail(cells, pool, owner)
    cells[pool + RESERVED] += more
    at = owner_cell(cells, pool, owner)
    if more > 0 and now == more:
        head = cells[pool + TAILED]
        cells[at + LATER] = head
        cells[at + EARLIER] = NONE
        if head != NONE:
            cells[owner_cell(cells, pool, head) + EARLIER] = owner
        cells[pool + TAILED] = owner
    elif more < 0 and now == 0:
        later = cells[at + LATER]
        earlier = cells[at + EARLIER]
        if later != NONE:
            cells[owner_cell(cells, pool, later) + EARLIER] = earlier
        if earlier != NONE:
            cells[owner_cell(cells, pool, earlier) + LATER] = later
        else:
            cells[pool + TAILED] = later


@helper
def use(cells: Any, pool: int, owner: int, count: int) -> int:
    """Use up to `count` pages of the reserved tail; return how many."""
    got = min(count, tail(cells, pool, owner))
    if got > 0:
        cells[page_cell(cells, pool, cells[owner_cell(cells, pool, owner) + LAST]) + USED] += got
        reserve(cells, pool, owner, -got)
    return got


@helper
def extend(cells: Any, pool: int, owner: int, count: int) -> int:
    """Lengthen a last group without a tail by up to `count` free pages right after it; return how many."""
    group = cells[owner_cell(cells, pool, owner) + LAST]
    if group == NONE:
        return ZERO
    at = page_cell(cells, pool, group)
    end = group - cells[at + SPAN]
    if end == cells[pool + PAGES]:
        return ZERO
    got = min(count, cells[page_cell(cells, pool, end) + SPAN])
    if got <= 0:
        return ZERO
    cut(cells, pool, end, got)
    mark(cells, pool, group, group - end - got)
    cells[at + USED] += got
    return got


@helper
def begin(cells: Any, pool: int, owner: int, count: int, wanted: int) -> int:
    """Start a group in the smallest free run that holds all, else in the largest; return its pages in use."""
    group = smallest(cells, pool, max(count, wanted))
    if group == NONE:
        group = largest(cells, pool)
    at = page_cell(cells, pool, group)
    length = min(max(count, wanted), cells[at + SPAN])
    got = min(count, length)
    cut(cells, pool, group, length)
    mark(cells, pool, group, -length)
    cells[at + USED] = got
    cells[at + NEXT] = NONE
    own = owner_cell(cells, pool, owner)
    if cells[own + LAST] == NONE:
        cells[own + FIRST] = group
    else:
        cells[page_cell(cells, pool, cells[own + LAST]) + NEXT] = group
    cells[own + LAST] = group
    if length > got:
        reserve(cells, pool, owner, length - got)
    return got


@helper
def robbed(cells: Any, pool: int) -> int:
    """Return the owner to lose its tail: of the highest rank, then of the longest tail, then the first."""
    best = cells[pool + TAILED]
    owner = best
    while owner != NONE:
        rank = cells[owner_cell(cells, pool, owner) + RANK]
        top = cells[owner_cell(cells, pool, best) + RANK]
        more = tail(cells, pool, owner) - tail(cells, pool, best)
        if rank > top or (rank == top and (more > 0 or (more == 0 and owner < best))):
            best = owner
        owner = cells[owner_cell(cells, pool, owner) + LATER]
    return best


@helper
def steal(cells: Any, pool: int, count: int) -> None:
    """Free the last pages of another owner's tail, up to `count`."""
    owner = robbed(cells, pool)
    group = cells[owner_cell(cells, pool, owner) + LAST]
    got = min(count, tail(cells, pool, owner))
    length = -cells[page_cell(cells, pool, group) + SPAN] - got
    mark(cells, pool, group, -length)
    reserve(cells, pool, owner, -got)
    release(cells, pool, group + length, got)


@helper
def grow(cells: Any, pool: int, owner: int, count: int, wanted: int) -> bool:
    """Give an owner `count` pages more; tell whether there were so many, and change nothing if not.

    A new group reserves up to `wanted` pages in all.
    """
    if count > available(cells, pool):
        return False
    left = count - use(cells, pool, owner, count)
    while left > 0:
        got = extend(cells, pool, owner, left)
        if got == 0 and cells[pool + FREE] == 0:
            steal(cells, pool, left)
        elif got == 0:
            got = begin(cells, pool, owner, left, wanted)
        left -= got
    cells[owner_cell(cells, pool, owner) + HELD] += count
    return True


@helper
def trim(cells: Any, pool: int, owner: int, keep: int) -> None:
    """Free an owner's pages after the first `keep`, and its tail; nothing if it has no more than that."""
    own = owner_cell(cells, pool, owner)
    left = keep
    if keep >= cells[own + HELD]:
        return
    spare = tail(cells, pool, owner)
    if spare > 0:  # the tail counts as used while it is freed
        use(cells, pool, owner, spare)
    group = cells[own + FIRST]
    last = NONE
    while group != NONE:
        at = page_cell(cells, pool, group)
        following = cells[at + NEXT]
        length = cells[at + USED]
        stays = min(left, length)
        if stays > 0:
            last = group
            cells[at + USED] = stays
            cells[at + NEXT] = NONE if stays == left else following
            mark(cells, pool, group, -stays)
        if stays < length:
            release(cells, pool, group + stays, length - stays)
        left -= stays
        group = following
    cells[own + LAST] = last
    cells[own + HELD] = keep
    if last == NONE:
        cells[own + FIRST] = NONE


@helper
def runs(cells: Any, pool: int, owner: int) -> int:
    """Return how many runs an owner's pages form; its groups never touch."""
    count = ZERO
    group = first(cells, pool, owner)
    while group != NONE:
        count += 1
        group = after(cells, pool, group)
    return count


@helper
def copies(cells: Any, here: int, owner: int, there: int, other: int, since: int, until: int) -> int:
    """Return the runs, contiguous in both pools, that logical pages `since` to `until` form.

    They are pages of `owner` in the pool `here` and of `other` in the pool `there`; both have them.
    """
    count = ZERO
    place = ZERO
    one = first(cells, here, owner)
    two = first(cells, there, other)
    one_end = ZERO
    two_end = ZERO
    while place < until:
        if one_end == place:
            one_end += used(cells, here, one)
            one = after(cells, here, one)
        if two_end == place:
            two_end += used(cells, there, two)
            two = after(cells, there, two)
        place = min(one_end, two_end)
        if place > since:
            count += 1
    return count
