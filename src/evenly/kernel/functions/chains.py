"""Calls that call others: when those come, and what is known of how they follow each other."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.events import push
from evenly.kernel.functions.records import ARRIVAL, EXPECT, HISTORY, NONE


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
def expect_children(w: Any, h: Any, now: float, f: int) -> None:
    """Ask when pods are to be started ahead for what a function calls, as a call of it comes."""
    e = w.functions[f].edge
    while e != NONE:
        edge = w.edges[e]
        edge.asked += 1
        if w.rules[0].expects == 1:
            when = h.expect(now, e, w.edges, w.delays, w.functions, w.expect_memory)
            if when <= w.rules[0].span and when < math.inf:
                push(w, max(now, when), EXPECT, edge.child)
        e = edge.next
