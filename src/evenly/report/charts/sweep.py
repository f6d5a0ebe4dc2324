"""A figure against a parameter that was swept."""

import re
from collections.abc import Sequence
from typing import Any

from evenly.core import Metric, Outcome
from evenly.report.charts.theme import hue

POINT = re.compile(r"^(?P<variant>.*?) ?(?P<path>[\w.]+)=(?P<value>-?[\d.]+(?:e-?\d+)?)$")


def sweep(outcomes: Sequence[Outcome], metric: Metric) -> dict[str, Any] | None:
    """Return `metric` against the one numeric parameter in the labels; `None` if there is no such parameter."""
    found = [POINT.match(outcome.label) for outcome in outcomes]
    paths = {match.group("path") for match in found if match}
    if len(paths) != 1 or not all(found):
        return None
    rows = [
        {
            "variant": match.group("variant") or "run",
            "x": float(match.group("value")),
            "y": float(f"{outcome.metrics[metric.name]:.5g}"),
        }
        for match, outcome in zip(found, outcomes, strict=True)
        if match and outcome.metrics[metric.name] == outcome.metrics[metric.name]
    ]
    labels = list(dict.fromkeys(row["variant"] for row in rows))
    unit = f" [{metric.unit}]" if metric.unit else ""
    return {
        "data": {"values": rows},
        "width": 440,
        "height": 240,
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": paths.pop(), "scale": {"zero": False}},
            "y": {"field": "y", "type": "quantitative", "title": metric.title + unit},
            "color": hue([str(label) for label in labels]),
            "tooltip": [{"field": "variant"}, {"field": "x"}, {"field": "y", "format": ".4s"}],
        },
    }
