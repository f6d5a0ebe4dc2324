"""Records by number.

Each is one small function, so that a caller compiles a call and not the indexing: that halves the time of a compile.
"""

from typing import Any

from evenly.kernel.compiling import helper


@helper
def pool(w: Any, r: int) -> Any:
    """Return the state of a replica."""
    return w.pools[r]


@helper
def lane_of(w: Any, r: int) -> Any:
    """Return the two lanes of a replica."""
    return w.lanes[r]


@helper
def seen(w: Any, r: int) -> Any:
    """Return what routers see of a replica."""
    return w.fleet[r]


@helper
def seat_at(w: Any, s: int) -> Any:
    """Return a seat by its number in the world."""
    return w.seats[s]


@helper
def seat_in_line(w: Any, r: int, place: int) -> int:
    """Return the number in the world of the seat at a place of the line."""
    return r * w.line.shape[1] + w.line[r, place]


@helper
def request_at(w: Any, i: int) -> Any:
    """Return a request."""
    return w.requests[i]


@helper
def flow_at(w: Any, r: int, i: int) -> Any:
    """Return what a replica counted of the user or program of a request."""
    return w.flows[r, w.requests[i].flow]


@helper
def switch_of(w: Any, i: int) -> Any:
    """Return where a request that may be switched keeps its tokens."""
    return w.switches[i]


@helper
def copy_at(w: Any, r: int, slot: int) -> Any:
    """Return a copy on the host of a replica."""
    return w.copies[r * (len(w.copies) // len(w.tiers)) + slot]


@helper
def tier_of(w: Any, r: int) -> Any:
    """Return the host memory of a replica and the link to it."""
    return w.tiers[r]


@helper
def rules_of(w: Any) -> Any:
    """Return the rules of the engine."""
    return w.rules[0]
