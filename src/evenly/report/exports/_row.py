"""Chrome trace events of a row of servers under a power budget: counters, and brakes as spans."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.exports._parts import chunks

US = 1e6  # the format counts microseconds


def powered(outcome: Outcome) -> bool:
    """Tell whether an outcome holds the power of a row."""
    return "power" in outcome.series


def events(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Return counters of power, level and servers at work, written where they change, and a span for each brake."""
    yield {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": "row"}}
    table = outcome.series["power"]
    for name, key in (("power", "share of the budget"), ("level", "level")):
        column = table[name]
        changed = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]]))
        yield from _counter(name, key, table["time"][changed], column[changed])
    items = outcome.items
    for priority, name in enumerate(("high", "low")):
        mine = items["priority"] == priority
        begin, end = (items[key][mine & np.isfinite(items[key])] for key in ("begin", "end"))
        times = np.concatenate([begin, end])
        order = np.argsort(times, kind="stable")
        busy = np.cumsum(np.concatenate([np.ones(len(begin)), -np.ones(len(end))])[order])
        yield from _counter(f"{name} priority", "servers at work", times[order], busy)
    level = table["level"] if len(table["level"]) else np.zeros(1)
    braked = np.flatnonzero(np.diff(np.concatenate([[0], level == outcome.facts["brake level"], [0]])))
    for first, last in zip(braked[::2], braked[1::2], strict=True):
        begin, end = float(table["time"][first]) * US, float(table["time"][last - 1]) * US
        yield {"name": "brake", "cat": "brake", "ph": "X", "ts": begin, "dur": end - begin, "pid": 0, "tid": 0}


def _counter(name: str, key: str, times: Any, values: Any) -> Iterator[dict[str, Any]]:
    for part in chunks({"time": times, "value": values}):
        for time, value in zip(part["time"], part["value"], strict=True):
            yield {"name": name, "ph": "C", "ts": time * US, "pid": 0, "tid": 0, "args": {key: value}}
