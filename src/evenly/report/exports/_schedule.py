"""Chrome trace events of operations that share a device."""

from collections.abc import Iterator
from typing import Any

from evenly.core import Outcome

US = 1e6  # the format counts microseconds


def scheduled(outcome: Outcome) -> bool:
    """Tell whether an outcome holds operations of a device in place of requests."""
    return "operation" in outcome.items


def events(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Return the names of device and resources, a complete event for each operation, and who holds the device."""
    items = {name: column.tolist() for name, column in outcome.items.items()}
    resources = list(dict.fromkeys(items["resource"]))
    device = str(outcome.facts.get("device", "device"))
    yield {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": device}}
    for row, name in enumerate(resources):
        yield {"name": "thread_name", "ph": "M", "ts": 0, "pid": 0, "tid": row, "args": {"name": name}}
    for operation, resource, first, last, layer, begin, end, share in zip(
        *(items[name] for name in ("operation", "resource", "first", "last", "layer", "begin", "end", "share")),
        strict=True,
    ):
        yield {
            "name": f"{operation} {first}-{last}",
            "cat": resource,
            "ph": "X",
            "ts": begin * US,
            "dur": (end - begin) * US,
            "pid": 0,
            "tid": resources.index(resource),
            "args": {"layer": layer, "share of the device": share},
        }
