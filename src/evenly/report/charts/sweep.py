"""A figure against a parameter that was swept."""

import re
from collections.abc import Sequence
from typing import Any

from evenly.core import Metric, Outcome
from evenly.report.charts.theme import COUNT_LABEL, TIME_LABEL, dashes, decades, hue, panel, rounded, ticks

POINT = re.compile(r"^(?P<variant>.*?) ?(?P<path>[\w.-]+)=(?P<value>-?\d*\.?\d+(?:e[+-]?\d+)?)$")
TICKED = 12  # so many points of a sweep each get their own tick


def points(outcomes: Sequence[Outcome]) -> tuple[str, list[tuple[str, float]]] | None:
    """Return the one swept path of the labels, and variant and value of each; `None` if labels tell no such path."""
    found = [POINT.match(outcome.label) for outcome in outcomes]
    places = [(m["path"], m["variant"] or "run", float(m["value"])) for m in found if m is not None]
    paths = {path for path, _, _ in places}
    if len(places) != len(outcomes) or len(paths) != 1 or len({value for _, _, value in places}) < 2:
        return None
    return paths.pop(), [(variant, value) for _, variant, value in places]


def sweep(outcomes: Sequence[Outcome], metric: Metric) -> dict[str, Any] | None:
    """Return `metric` against the one numeric parameter in the labels; `None` without such a parameter or figure.

    Several seeds show as a band from the least to the greatest. Where goodput is drawn against a rate, the dashed
    line is the offered load: no policy can lie above it for long.
    """
    found = points(outcomes)
    rows = _rows(outcomes, metric)
    if found is None or not rows:
        return None
    path, places = found
    labels = list(dict.fromkeys(variant for variant, _ in places))
    x: dict[str, Any] = {
        "field": "x",
        "type": "quantitative",
        "title": path,
        "scale": {"zero": False, "nice": False, "padding": 8},
        "axis": {"labelExpr": COUNT_LABEL},
    }
    values = sorted({value for _, value in places})
    if len(values) <= TICKED:
        x["axis"] |= ticks(values)
    y = _height(metric, [row[name] for row in rows for name in ("low", "high")])
    channels = {"x": x, "y": y, "color": hue(labels)}
    curves = {name: repr([(row["x"], row["y"]) for row in rows if row["variant"] == name]).encode() for name in labels}
    tips = [
        {"field": "variant", "type": "nominal"},
        {"field": "x", "type": "quantitative", "title": path},
        {"field": "y", "type": "quantitative", "format": ".4s", "title": metric.title},
    ]
    line = {"mark": {"type": "line", "point": True}, "encoding": {**channels, "tooltip": tips, **dashes(curves)}}
    layers = [line]
    if any(row["low"] < row["high"] for row in rows):
        band = {**channels, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "area", "fillOpacity": 0.2, "line": False}, "encoding": band})
    if path.endswith("rate") and metric.unit == "req/s":
        layers.insert(0, _offered(values, max(row["high"] for row in rows)))
    return panel(f"{metric.title} against {path}", data={"values": rows}, layer=layers)


def _rows(outcomes: Sequence[Outcome], metric: Metric) -> list[dict[str, Any]]:
    """Return mean, least and greatest figure of each point; points without the figure are left out."""
    found = points(outcomes)
    rows = []
    for (variant, value), outcome in zip(found[1] if found else [], outcomes, strict=found is not None):
        mean = outcome.metrics.get(metric.name, float("nan"))
        seeds = outcome.series.get("seeds", {}).get(metric.name, ())
        known = [float(seed) for seed in seeds if seed == seed] or [mean]
        if mean == mean:
            low, high = rounded(min(known), 5), rounded(max(known), 5)
            rows.append({"variant": variant, "x": value, "y": rounded(mean, 5), "low": low, "high": high})
    return rows


def _height(metric: Metric, heights: Sequence[float]) -> dict[str, Any]:
    """Return the channel of the figure: seconds on a logarithmic axis, the rest from zero."""
    logs = metric.unit == "s" and min(heights) > 0
    axis: dict[str, Any] = {"labelExpr": TIME_LABEL if metric.unit == "s" else COUNT_LABEL}
    if logs:
        axis |= ticks(decades(min(heights), max(heights)))
    if metric.unit == "share":
        axis = {"format": ".0%"}
    unit = "log scale" if logs else metric.unit.replace("share", "")
    return {
        "field": "y",
        "type": "quantitative",
        "title": f"{metric.title} ({unit})" if unit else metric.title,
        "axis": axis,
        "scale": {"type": "log", "nice": False} if logs else {"zero": True},
    }


def _offered(values: Sequence[float], top: float) -> dict[str, Any]:
    """Return the line of equal rate and goodput, as far as the picture needs it."""
    end = min(values[-1], max(top, values[0]))
    return {
        "data": {"values": [{"x": values[0], "y": values[0]}, {"x": end, "y": end}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "color": "#8a949e"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
