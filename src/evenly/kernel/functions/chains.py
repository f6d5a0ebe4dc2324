"""Calls that call others: when those come, and what is known of how they follow each other."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.events import push
from evenly.kernel.functions.records import ARRIVAL, ASKED, EXPECT, HISTORY, NONE, STEPS


@helper
def call_children(w: Any, now: float, i: int) -> None:
    """Let the calls that a call makes come after its end."""
    child = w.links[i].child
    while child != NONE:
        push(w, now + w.links[child].after, ARRIVAL, child)
        child = w.links[child].sibling


@helper
def follow(w: Any, now: float, i: int) -> None:
    """Note how long after its parent a call comes."""
    link = w.links[i]
    if link.parent != NONE:
        edge = w.edges[link.edge]
        w.delays[link.edge, edge.followed % HISTORY] = now - w.calls[link.parent].arrival
        edge.followed += 1


@helper
def count_edges(w: Any, f: int) -> None:
    """Count a call of a function in the edges to what it calls."""
    e = w.functions[f].edge
    while e != NONE:
        w.edges[e].asked += 1
        e = w.edges[e].next


@helper
def expect_calls(w: Any, h: Any, now: float, f: int) -> None:
    """Ask when calls are expected that follow one of a function, step after step, and start their pods in time."""
    path, depth, left = w.path, 0, ASKED
    path[0, 0], path[0, 1] = w.functions[f].edge, now
    while depth >= 0 and left > 0:
        e = int(path[depth, 0])
        if e == NONE:
            depth -= 1
            continue
        left -= 1
        edge = w.edges[e]
        path[depth, 0] = edge.next
        at = h.expect(path[depth, 1], e, depth + 1, w.edges, w.delays, w.functions, w.expect_memory)
        if at <= w.rules[0].span and at < math.inf:
            edge.expected = at
            push(w, max(now, at - w.functions[edge.child].lead), EXPECT, e)
            if depth + 1 < STEPS:
                depth += 1
                path[depth, 0], path[depth, 1] = w.functions[edge.child].edge, at
