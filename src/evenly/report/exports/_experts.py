"""Chrome trace events of experts that CPU and device share."""

from collections.abc import Iterator
from typing import Any

from evenly.core import Outcome

US = 1e6  # the format counts microseconds
SIDES = ("CPU", "device", "link")


def offloaded(outcome: Outcome) -> bool:
    """Tell whether an outcome holds experts in place of requests."""
    return "expert" in outcome.items


def events(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Return the names of the sides, and a complete event for each expert that one of them computes or moves."""
    items = {name: column.tolist() for name, column in outcome.items.items()}
    title = str(outcome.facts.get("model", "model"))
    yield {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": title}}
    for row, name in enumerate(SIDES):
        yield {"name": "thread_name", "ph": "M", "ts": 0, "pid": 0, "tid": row, "args": {"name": name}}
    columns = (items[name] for name in ("side", "what", "layer", "expert", "tokens", "begin", "end"))
    for side, what, layer, expert, tokens, begin, end in zip(*columns, strict=True):
        yield {
            "name": f"expert {expert}",
            "cat": what,
            "ph": "X",
            "ts": begin * US,
            "dur": (end - begin) * US,
            "pid": 0,
            "tid": SIDES.index(side),
            "args": {"layer": layer, "tokens": tokens, "what": what},
        }
