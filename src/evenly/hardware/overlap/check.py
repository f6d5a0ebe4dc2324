"""Examine a schedule, whoever made it: nothing here is shared with the search."""

from itertools import pairwise

import numpy as np

from evenly.hardware.overlap.schedule import Schedule

TOLERANCE = 1e-9  # seconds, and parts of a device: rounding


def check(schedule: Schedule) -> None:
    """Raise `ValueError` that names the first law that a schedule breaks, and where.

    Laws: everything lasts as long as its share makes it, begins after what it waits for, also across layers, and the
    shares of what runs never exceed the device; the ranges of every operation cover its tokens once; the whole takes no
    less than the work of the busiest resource.
    """
    _covers(schedule)
    _lasts(schedule)
    _waits(schedule)
    _shares(schedule)
    work = np.zeros(3)
    for nano in schedule.graph.nanos:
        work[nano.resource] += nano.seconds * schedule.layers
    if schedule.end.max() < work.max() - TOLERANCE:
        raise ValueError(f"{schedule.end.max():g} s are less than the {work.max():g} s of the busiest resource")


def _covers(schedule: Schedule) -> None:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for nano in schedule.graph.nanos:
        ranges.setdefault(nano.operation, []).append((nano.begin, nano.end))
    batch = max(end for _, end in ranges["query"])
    for name, found in ranges.items():
        found.sort()
        for (_, end), (begin, _) in pairwise(found):
            if end != begin:
                raise ValueError(f"{name}: a range ends at {end} and the next begins at {begin}")
    for name in ("query", "output", "up", "down"):
        if (ranges[name][0][0], ranges[name][-1][1]) != (0, batch):
            raise ValueError(f"{name} covers {ranges[name][0][0]} to {ranges[name][-1][1]}, not 0 to {batch}")
    attended = sum(b - a for name in ("decode", "prefill") for a, b in ranges.get(name, []))
    if attended != batch:
        raise ValueError(f"decode and prefill attention cover {attended} tokens, not {batch}")


def _lasts(schedule: Schedule) -> None:
    table = schedule.interference
    for i, nano in enumerate(schedule.graph.nanos):
        speed = 1.0
        if table is not None:
            curve = ({0.0: 0.0, 1.0: 1.0}, table.memory, table.network)[nano.resource]
            speed = float(np.interp(schedule.share[i], list(curve), list(curve.values())))
        for layer in range(schedule.layers):
            found, due = schedule.end[i, layer] - schedule.begin[i, layer], nano.seconds / speed
            if abs(found - due) > TOLERANCE or schedule.begin[i, layer] < 0:
                raise ValueError(f"{nano.name} of layer {layer} lasts {found:g} s, not {due:g} s")


def _waits(schedule: Schedule) -> None:
    for before, after, back in schedule.graph.edges:
        for layer in range(back, schedule.layers):
            begin, end = schedule.begin[after, layer], schedule.end[before, layer - back]
            if begin < end - TOLERANCE:
                one, other = schedule.graph.nanos[after].name, schedule.graph.nanos[before].name
                raise ValueError(f"{one} of layer {layer} begins at {begin:g} s, {other} ends at {end:g} s")


def _shares(schedule: Schedule) -> None:
    """Sweep over begins and ends; an end frees its share before a begin at the same time takes its own."""
    resource = np.repeat([nano.resource for nano in schedule.graph.nanos], schedule.layers)
    held = np.repeat(schedule.share, schedule.layers)
    for limit, weight in (
        *((1.0, (resource == r) * 1.0) for r in range(3)),  # one operation of a kind at a time
        *([(1.0, held)] if schedule.interference is not None else []),
    ):
        times = np.concatenate((schedule.begin.ravel(), schedule.end.ravel() - TOLERANCE))
        change = np.concatenate((weight, -weight))
        order = np.lexsort((change, times))
        used = np.cumsum(change[order])
        if used.max(initial=0.0) > limit + 1e-6:
            at = times[order][int(used.argmax())]
            raise ValueError(f"{used.max():g} of a device is held at {at:g} s, more than {limit:g}")
