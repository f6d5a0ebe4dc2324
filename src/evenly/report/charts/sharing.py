"""How much of the prompts was seen before."""

from typing import Any

import numpy as np

from evenly.core import Floats, Trace
from evenly.report.charts.theme import panel, rounded

BINS = 160


def sharing(trace: Trace) -> dict[str, Any] | None:
    """Return the share of prompt blocks that an endless prefix cache would hold, along the trace.

    `None` for a trace without prefixes.
    """
    seen = seen_before(trace)
    if seen is None:
        return None
    groups = np.array_split(seen, min(BINS, len(seen)))
    rows = [
        {"requests": rounded((k + 1) / len(groups)), "share": rounded(float(group.mean()))}
        for k, group in enumerate(groups)
        if len(group)
    ]
    return panel(
        f"Prefix sharing · {seen.mean():.1%} of blocks seen before",
        data={"values": rows},
        mark={"type": "area", "interpolate": "step-before"},
        encoding={
            "x": {"field": "requests", "type": "quantitative", "title": "along the trace", "axis": {"format": ".0%"}},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "blocks seen before",
                "axis": {"format": ".0%"},
                "scale": {"domain": [0, 1]},
            },
            "tooltip": [{"field": "share", "type": "quantitative", "format": ".1%"}],
        },
    )


def seen_before(trace: Trace) -> Floats | None:
    """Return for each prompt block, in order of arrival, 1 if its id came up earlier and 0 if it is new."""
    if trace.prefixes is None or len(trace.prefixes.ids) == 0:
        return None
    ids = trace.prefixes.ids
    _, first = np.unique(ids, return_index=True)
    seen = np.ones(len(ids))
    seen[first] = 0.0
    return seen
