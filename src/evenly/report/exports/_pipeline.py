"""Chrome trace events of the passes of a pipeline."""

from collections.abc import Iterator
from typing import Any

from evenly.core import Outcome
from evenly.report.exports._parts import chunks

US = 1e6  # the format counts microseconds


def staged(outcome: Outcome) -> bool:
    """Tell whether an outcome holds the passes of a pipeline."""
    return "pipeline" in outcome.series


def events(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Return the names of the devices, and a complete event for each pass."""
    table = outcome.series["pipeline"]
    title = str(outcome.facts.get("model", "model"))
    yield {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": title}}
    for device in range(int(table["device"].max()) + 1):
        args = {"name": f"device {device}"}
        yield {"name": "thread_name", "ph": "M", "ts": 0, "pid": 0, "tid": device, "args": args}
    for part in chunks(table):
        columns = (part[name] for name in ("time", "end", "device", "pass", "stage", "micro_batch"))
        for begin, end, device, name, stage, batch in zip(*columns, strict=True):
            yield {
                "name": f"{name} {batch}",
                "cat": name,
                "ph": "X",
                "ts": begin * US,
                "dur": (end - begin) * US,
                "pid": 0,
                "tid": device,
                "args": {"stage": stage, "micro-batch": batch},
            }
