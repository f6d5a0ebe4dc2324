"""The state of the fleet over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Outcome
from evenly.report.charts.theme import hue

POINTS = 240
PANELS = (("waiting", "waiting requests"), ("running", "running requests"), ("kv", "KV cache in use"))


def timeline(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return queue, batch and KV cache over time, one below the other on one time axis."""
    labels = [outcome.label for outcome in outcomes]
    panels = []
    for name, title in PANELS:
        rows = [row for outcome in outcomes for row in _line(outcome, name)]
        axis = {"format": "%"} if name == "kv" else {}
        panels.append(
            {
                "width": 930,
                "height": 110,
                "data": {"values": rows},
                "mark": {"type": "line"},
                "encoding": {
                    "x": {"field": "time", "type": "quantitative", "title": "seconds", "scale": {"nice": False}},
                    "y": {"field": "value", "type": "quantitative", "title": title, "axis": axis},
                    "color": hue(labels),
                    "tooltip": [{"field": "variant"}, {"field": "time"}, {"field": "value", "format": ".3s"}],
                },
            }
        )
    return {"vconcat": panels, "resolve": {"scale": {"x": "shared"}}}


def _line(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    table = outcome.series.get("timeline")
    if table is None or name not in table or len(table["time"]) == 0:
        return []
    time, value = _thin(table["time"]), _thin(table[name])
    return [
        {"variant": outcome.label, "time": float(f"{t:.5g}"), "value": float(f"{v:.4g}")}
        for t, v in zip(time, value, strict=True)
    ]


def _thin(column: Array) -> Floats:
    """Return means of neighbours, at most `POINTS` of them."""
    parts = np.array_split(np.asarray(column, np.float64), min(POINTS, len(column)))
    return np.array([part.mean() for part in parts])
