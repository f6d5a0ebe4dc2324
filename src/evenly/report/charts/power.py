"""Power of a row of servers over time, and who is slowed for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Array, Outcome
from evenly.report.charts.theme import COUNT_LABEL, clock, dashes, hue, panel, rounded

POINTS = 300


def power(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the highest power of each span of time with the budget, and below it the level of the clocks."""
    drawn = [outcome for outcome in outcomes if len(outcome.series.get("power", {}).get("time", ()))]
    if not drawn:
        return []
    end = max(float(outcome.series["power"]["time"][-1]) for outcome in drawn)
    factor, unit = clock(end)
    lines = {name: {o.label: _line(o, name, factor) for o in drawn} for name in ("power", "level")}
    above = _panel("Highest power", lines["power"], "share of the budget", end / factor, ".0%")
    below = _panel("Level of the clocks (the highest: the brake)", lines["level"], "level", end / factor, "d")
    above = {key: value for key, value in above.items() if key not in ("mark", "encoding")} | {
        "layer": [
            {"mark": above["mark"], "encoding": above["encoding"]},
            {"mark": {"type": "rule", "strokeDash": [3, 4], "opacity": 0.75}, "encoding": {"y": {"datum": 1.0}}},
        ]
    }
    below["encoding"]["x"]["title"] = f"{unit} since the start"
    return [above, below]


def _panel(title: str, lines: dict[str, list[dict[str, Any]]], unit: str, end: float, form: str) -> dict[str, Any]:
    x = {"field": "time", "type": "quantitative", "scale": {"domain": [0, rounded(end)], "nice": False}, "title": None}
    axis = {"format": form, "tickCount": 4}
    return panel(
        title,
        height=130,
        data={"values": [row for rows in lines.values() for row in rows]},
        mark={"type": "line", "strokeWidth": 1.4, "clip": True},
        encoding={
            "x": {**x, "axis": {"labelExpr": COUNT_LABEL, "tickCount": 8}},
            "y": {"field": "value", "type": "quantitative", "title": unit, "axis": axis, "scale": {"zero": False}},
            "color": hue(list(lines)),
            **dashes({label: repr([row["value"] for row in rows]).encode() for label, rows in lines.items()}),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "time", "type": "quantitative"},
                {"field": "value", "type": "quantitative", "format": ".3g", "title": unit},
            ],
        },
    )


def _line(outcome: Outcome, name: str, factor: float) -> list[dict[str, Any]]:
    """Return the highest value of each span: the mean would hide what the brake sees."""
    table = outcome.series["power"]
    times, values = _parts(table["time"]), _parts(table[name])
    return [
        {"variant": outcome.label, "time": rounded(float(t[0]) / factor, 5), "value": rounded(float(v.max()))}
        for t, v in zip(times, values, strict=True)
    ]


def _parts(column: Array) -> list[Array]:
    return np.array_split(column, max(1, min(POINTS, len(column))))
