"""A binary heap of events: by time, then by what they are, then by when they were pushed."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.functions.records import COUNTED, HEAPED

SERIAL = 1 << 48  # events of a run at most


@helper
def before(events: Any, one: int, other: int) -> bool:
    """Tell whether one event comes before another."""
    if events[one].time != events[other].time:
        return bool(events[one].time < events[other].time)
    return bool(events[one].order < events[other].order)


@helper
def swap(events: Any, one: int, other: int) -> None:
    """Exchange two events."""
    time, order, what, who = events[one].time, events[one].order, events[one].what, events[one].who
    events[one].time = events[other].time
    events[one].order = events[other].order
    events[one].what = events[other].what
    events[one].who = events[other].who
    events[other].time = time
    events[other].order = order
    events[other].what = what
    events[other].who = who


@helper
def push(w: Any, time: float, what: int, who: int) -> None:
    """Add an event; there is room, which the loop looks after."""
    events = w.events
    k = w.state[HEAPED]
    w.state[HEAPED] = k + 1
    events[k].time = time
    events[k].order = what * SERIAL + w.state[COUNTED]
    events[k].what = what
    events[k].who = who
    w.state[COUNTED] += 1
    while k > 0 and before(events, k, (k - 1) // 2):
        swap(events, k, (k - 1) // 2)
        k = (k - 1) // 2


@helper
def pop(w: Any) -> None:
    """Remove the first event."""
    events = w.events
    last = w.state[HEAPED] - 1
    w.state[HEAPED] = last
    swap(events, 0, last)
    k = 0
    while 2 * k + 1 < last:
        child = 2 * k + 1
        if child + 1 < last and before(events, child + 1, child):
            child += 1
        if not before(events, child, k):
            break
        swap(events, k, child)
        k = child
