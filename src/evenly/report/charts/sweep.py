"""A figure against a parameter that was swept."""

import re
from collections.abc import Sequence
from typing import Any

from evenly.core import Metric, Outcome
from evenly.report.charts.theme import COUNT_LABEL, TIME_LABEL, decades, hue, panel, rounded

POINT = re.compile(r"^(?P<variant>.*?) ?(?P<path>[\w.-]+)=(?P<value>-?\d*\.?\d+(?:e[+-]?\d+)?)$")


def points(outcomes: Sequence[Outcome]) -> tuple[str, list[tuple[str, float]]] | None:
    """Return the one swept path of the labels, and variant and value of each; `None` if labels tell no such path."""
    found = [POINT.match(outcome.label) for outcome in outcomes]
    places = [(m["path"], m["variant"] or "run", float(m["value"])) for m in found if m is not None]
    paths = {path for path, _, _ in places}
    if len(places) != len(outcomes) or len(paths) != 1 or len({value for _, _, value in places}) < 2:
        return None
    return paths.pop(), [(variant, value) for _, variant, value in places]


def sweep(outcomes: Sequence[Outcome], metric: Metric) -> dict[str, Any] | None:
    """Return `metric` against the one numeric parameter in the labels; `None` without such a parameter or figure."""
    found = points(outcomes)
    if found is None:
        return None
    path, places = found
    rows: list[dict[str, Any]] = [
        {"variant": variant, "x": value, "y": rounded(outcome.metrics[metric.name], 5)}
        for (variant, value), outcome in zip(places, outcomes, strict=True)
        if outcome.metrics.get(metric.name, float("nan")) == outcome.metrics.get(metric.name)
    ]
    if not rows:
        return None
    labels = list(dict.fromkeys(variant for variant, _ in places))
    seconds = metric.unit == "s"
    heights = [float(row["y"]) for row in rows]
    logs = seconds and min(heights) > 0
    axis: dict[str, Any] = {"labelExpr": TIME_LABEL if seconds else COUNT_LABEL}
    if logs:
        axis["values"] = decades(min(heights), max(heights))
    if metric.unit == "share":
        axis = {"format": ".0%"}
    unit = "log scale" if logs else metric.unit.replace("share", "")
    return panel(
        metric.title,
        data={"values": rows},
        mark={"type": "line", "point": True},
        encoding={
            "x": {"field": "x", "type": "quantitative", "title": path, "scale": {"zero": False, "padding": 8}},
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": f"{metric.title} ({unit})" if unit else metric.title,
                "axis": axis,
                "scale": {"type": "log", "nice": False} if logs else {"zero": True},
            },
            "color": hue(labels),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "x", "type": "quantitative", "title": path},
                {"field": "y", "type": "quantitative", "format": ".4s", "title": metric.title},
            ],
        },
    )
