"""Chrome trace events of the first checkpoints of a run."""

from collections.abc import Iterator
from typing import Any

from evenly.core import Outcome

US = 1e6  # the format counts microseconds
LANES = ("device", "copier", "writer")


def saved(outcome: Outcome) -> bool:
    """Tell whether an outcome holds what device, copier and writer did."""
    return "lane" in outcome.items


def events(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Return the names of the lanes, and a complete event for whatever they did."""
    yield {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": "rank"}}
    for row, name in enumerate(LANES):
        yield {"name": "thread_name", "ph": "M", "ts": 0, "pid": 0, "tid": row, "args": {"name": name}}
    columns = (outcome.items[name].tolist() for name in ("lane", "what", "begin", "end"))
    for lane, what, begin, end in zip(*columns, strict=True):
        row = LANES.index(lane)
        yield {"name": what, "cat": lane, "ph": "X", "ts": begin * US, "dur": (end - begin) * US, "pid": 0, "tid": row}
