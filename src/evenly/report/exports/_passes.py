"""Chrome trace events of the passes of replicas with two lanes: a row for each lane."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evenly.core import Array, Outcome
from evenly.report.exports._parts import chunks

US = 1e6  # the format counts microseconds
LANES = ("prompts", "decodes")  # rows of a replica, from the top


def drawn(outcome: Outcome, replicas: Sequence[int]) -> Mapping[str, Array]:
    """Return the passes of these replicas; empty where passes were not kept: all share one lane."""
    table = outcome.series.get("passes", {})
    if not table:
        return {}
    ours = np.isin(table["replica"], replicas)
    return {name: column[ours] for name, column in table.items()}


def events(passes: Mapping[str, Array], replicas: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Return the names of the lanes, then a complete event for each stretch of equal passes."""
    if not passes:
        return
    for replica in replicas:
        for row, lane in enumerate(LANES):
            args = {"name": f"lane of the {lane}"}
            yield {"name": "thread_name", "ph": "M", "ts": 0, "pid": replica, "tid": row, "args": args}
    for part in chunks(passes):
        for begin, end, replica, lane, *facts in zip(*part.values(), strict=True):
            yield {
                "name": lane,
                "cat": "lane",
                "ph": "X",
                "ts": begin * US,
                "dur": (end - begin) * US,
                "pid": replica,
                "tid": LANES.index(lane),
                "args": dict(zip(("passes", "requests", "tokens"), facts, strict=True)),
            }
