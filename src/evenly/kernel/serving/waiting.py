"""A binary heap of waiting requests in an array, for a queue that is kept in Python and asked between passes.

The heap is the first `count` items of an array; the first of all has the smallest rank, then arrival, then number.
What the running requests were given, on which ranks may hang, is booked here too.
"""

from typing import Any

import numba
import numpy as np
from numba import types

from evenly.kernel.calling import caller
from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving.records import FLOWS, RANK, REQUESTS

ITEM = np.dtype([("rank", float), ("arrival", float), ("number", np.int64), ("row", np.int64)])
"A waiting request: its rank when it was last asked for, and its row in the table of requests."
_items = types.Array(numba.from_dtype(ITEM), 1, "C")
_ints = types.Array(types.int64, 1, "C")
_floats = types.Array(types.float64, 1, "C")
_ask = caller(RANK.signature.return_type, RANK.signature.args)


@helper
def _precedes(one: Any, other: Any) -> bool:
    if one.rank != other.rank:
        return one.rank < other.rank
    if one.arrival != other.arrival:
        return one.arrival < other.arrival
    return one.number < other.number


@helper
def _swap(items: Any, i: int, j: int) -> None:
    rank, arrival, number, row = items[i].rank, items[i].arrival, items[i].number, items[i].row
    _copy(items, j, i)
    items[j].rank, items[j].arrival, items[j].number, items[j].row = rank, arrival, number, row


@helper
def _copy(items: Any, source: int, target: int) -> None:
    items[target].rank = items[source].rank
    items[target].arrival = items[source].arrival
    items[target].number = items[source].number
    items[target].row = items[source].row


@helper
def _sink(items: Any, count: int) -> None:
    at = 0
    while 2 * at + 1 < count:
        child = 2 * at + 1
        if child + 1 < count and _precedes(items[child + 1], items[child]):
            child += 1
        if not _precedes(items[child], items[at]):
            return
        _swap(items, at, child)
        at = child


@loop(types.void(_items, types.int64, types.float64, types.float64, types.int64, types.int64))
def push(items: Any, count: int, rank: float, arrival: float, number: int, row: int) -> None:
    """Add a request to a heap of `count`, which has room for it."""
    items[count].rank, items[count].arrival, items[count].number, items[count].row = rank, arrival, number, row
    at = count
    while at > 0 and _precedes(items[at], items[(at - 1) // 2]):
        _swap(items, at, (at - 1) // 2)
        at = (at - 1) // 2


@loop(types.Tuple((types.float64, types.int64))(_items, types.int64))
def pop(items: Any, count: int) -> tuple[float, int]:
    """Take the first of `count` out; return its rank and row."""
    rank, row = items[0].rank, items[0].row
    _copy(items, count - 1, 0)
    _sink(items, count - 1)
    return rank, row


@loop(types.void(_items, types.int64, types.float64))
def demote(items: Any, count: int, rank: float) -> None:
    """Give the first of `count` a larger rank."""
    items[0].rank = rank
    _sink(items, count)


@loop(types.void(_items, types.int64, types.float64, types.int64, REQUESTS, FLOWS, _floats))
def freshen(items: Any, count: int, now: float, order: int, requests: Any, flows: Any, memory: Any) -> None:
    """Ask the compiled order at an address for the rank of the first again, until it is one whose rank did not grow.

    An order that is handed over as a function takes fifty times as long to take over as to ask.
    """
    while True:
        rank = _ask(order, (now, 0, items[0].row, requests, flows, memory))
        if not rank > items[0].rank:
            return
        items[0].rank = rank
        _sink(items, count)


@loop(types.void(_ints, _ints, _ints, REQUESTS, FLOWS))
def charge(rows: Any, emitted: Any, charged: Any, requests: Any, flows: Any) -> None:
    """Charge flows for what the requests in as many `rows` `emitted`, less what they were `charged` for before.

    `charged` is by row, like `requests`.
    """
    for i in range(len(emitted)):
        row = rows[i]
        flows[requests[row].flow].output += emitted[i] - charged[row]
        charged[row] = emitted[i]
