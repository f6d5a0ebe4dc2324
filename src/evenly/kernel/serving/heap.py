"""Pairing heaps inside the request records: the queue of a replica, and arrivals still to come.

A heap is the index of its root; `NONE` is empty. Insert is O(1), removal of the first O(log n) amortised.

Reference: Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap", 1986.
"""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.records import NONE


@helper
def precedes(requests: Any, one: int, other: int) -> bool:
    """Tell whether request `one` comes before `other`: by rank, then arrival, then index."""
    a = requests[one]
    b = requests[other]
    if a.rank != b.rank:
        return a.rank < b.rank
    if a.arrival != b.arrival:
        return a.arrival < b.arrival
    return one < other


@helper
def meld(requests: Any, one: int, other: int) -> int:
    """Join two heaps; return the root."""
    if one == NONE:
        return other
    if other == NONE:
        return one
    if precedes(requests, other, one):
        one, other = other, one
    requests[other].next = requests[one].child
    requests[one].child = other
    return one


@helper
def push(requests: Any, root: int, request: int) -> int:
    """Insert a request; return the root."""
    requests[request].child = NONE
    requests[request].next = NONE
    return meld(requests, root, request)


@helper
def pop(requests: Any, root: int) -> int:
    """Remove the root; return the new one."""
    left = requests[root].child
    pairs = NONE
    while left != NONE:
        right = requests[left].next
        if right == NONE:
            requests[left].next = pairs
            pairs = left
            break
        rest = requests[right].next
        requests[left].next = NONE
        requests[right].next = NONE
        pair = meld(requests, left, right)
        requests[pair].next = pairs
        pairs = pair
        left = rest
    root = NONE
    while pairs != NONE:
        rest = requests[pairs].next
        requests[pairs].next = NONE
        root = meld(requests, root, pairs)
        pairs = rest
    return root
