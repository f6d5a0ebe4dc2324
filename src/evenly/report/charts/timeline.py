"""The state of the fleet over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Outcome
from evenly.report.charts.theme import COUNT_LABEL, clock, dashes, hue, panel, rounded

POINTS = 200
PANELS = (
    ("waiting", "Waiting requests", "requests"),
    ("running", "Running requests (batch of all replicas)", "requests"),
    ("kv", "KV cache in use", "share of blocks"),
    ("replicas", "Replicas, those that start included", "replicas"),
)


def timeline(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return queue, batch and KV cache over time, one below the other on one time axis."""
    ends = [float(table["time"][-1]) for o in outcomes if (table := o.series.get("timeline")) and len(table["time"])]
    if not ends:
        return []
    panels = [_panel(outcomes, *parts, max(ends)) for parts in PANELS]
    panels = [spec for spec in panels if spec["data"]["values"]]
    if not panels:
        return []
    panels[-1]["encoding"]["x"]["title"] = f"{clock(max(ends))[1]} since the first arrival"
    return panels


def _panel(outcomes: Sequence[Outcome], name: str, title: str, unit: str, end: float) -> dict[str, Any]:
    share = name == "kv"
    factor, clock_unit = clock(end)
    axis: dict[str, Any] = {"format": ".0%"} if share else {"labelExpr": COUNT_LABEL}
    x = {"field": "time", "type": "quantitative", "scale": {"domain": [0, rounded(end / factor)], "nice": False}}
    lines = {outcome.label: _line(outcome, name, factor) for outcome in outcomes}
    return panel(
        title,
        height=96,
        data={"values": [row for rows in lines.values() for row in rows]},
        mark={"type": "line", "strokeWidth": 1.6, "clip": True},
        encoding={
            "x": {**x, "title": None, "axis": {"labelExpr": COUNT_LABEL, "tickCount": 8}},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": unit,
                "axis": {**axis, "tickCount": 4},
                "scale": {"domain": [0, 1]} if share else {"zero": True},
            },
            "color": hue(list(lines)),
            **dashes({label: repr([row["value"] for row in rows]).encode() for label, rows in lines.items() if rows}),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "time", "type": "quantitative", "title": clock_unit},
                {"field": "value", "type": "quantitative", "format": ".1%" if share else ".3s", "title": title},
            ],
        },
    )


def _line(outcome: Outcome, name: str, factor: float) -> list[dict[str, Any]]:
    table = outcome.series.get("timeline")
    if table is None or name not in table or len(table["time"]) == 0:
        return []
    return [
        {"variant": outcome.label, "time": rounded(t / factor, 5), "value": rounded(v)}
        for t, v in zip(thin(table["time"]).tolist(), thin(table[name]).tolist(), strict=True)
        if np.isfinite(v)
    ]


def thin(column: Array, points: int = POINTS) -> Floats:
    """Return means of neighbours, at most `points` of them.

    >>> thin(np.array([1.0, 3.0, 5.0, 7.0]), points=2)
    array([2., 6.])
    """
    parts = np.array_split(np.asarray(column, np.float64), max(1, min(points, len(column))))
    return np.array([part.mean() for part in parts if len(part)])
