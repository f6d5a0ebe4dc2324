"""How much of the prompts was seen before."""

from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.measure.reuse import reuse, seen_before
from evenly.report.charts.theme import panel, rounded

BINS = 160


def sharing(trace: Trace) -> dict[str, Any] | None:
    """Return the share of prompt blocks that an endless prefix cache would hold, along the trace.

    `None` for a trace without prefixes.
    """
    found = reuse(trace)
    if found is None or trace.prefixes is None:
        return None
    seen = seen_before(trace.prefixes.ids)
    groups = np.array_split(seen, min(BINS, len(seen)))
    rows = [
        {"requests": rounded((k + 1) / len(groups)), "share": rounded(float(group.mean()))}
        for k, group in enumerate(groups)
        if len(group)
    ]
    return panel(
        f"Prefix sharing · {found.blocks:.1%} of blocks seen before",
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
