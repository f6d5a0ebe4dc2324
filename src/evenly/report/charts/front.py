"""What a plan has to give up in one figure to gain in another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evenly.core import Metric
from evenly.report.charts.theme import COUNT_LABEL, TIME_LABEL, decades, panel, rounded, ticks

KINDS = ("best", "on the front", "beaten", "breaks a limit")
"What a point can be, in the order of the colours."


@dataclass(frozen=True, slots=True)
class Point:
    """One plan in two figures."""

    title: str
    x: float
    y: float
    kind: str
    "Of `KINDS`."


def front(points: Sequence[Point], x: Metric, y: Metric) -> dict[str, Any] | None:
    """Return plans as points in two figures, the best one named; `None` without a point that has both."""
    drawn = [one for one in points if abs(one.x) < float("inf") and abs(one.y) < float("inf")]
    if not drawn:
        return None
    rows = [{"plan": p.title, "x": rounded(p.x), "y": rounded(p.y), "kind": p.kind} for p in drawn]
    channels = {"x": _axis("x", x, [p.x for p in drawn]), "y": _axis("y", y, [p.y for p in drawn])}
    tips = [
        {"field": "plan", "type": "nominal"},
        {"field": "x", "type": "quantitative", "format": ".4s", "title": x.title},
        {"field": "y", "type": "quantitative", "format": ".4s", "title": y.title},
        {"field": "kind", "type": "nominal"},
    ]
    best = {"filter": {"field": "kind", "equal": KINDS[0]}}
    named = {"type": "text", "align": "left", "dx": 9, "dy": -7, "fontWeight": 600}
    return panel(
        f"{y.title} against {x.title}",
        data={"values": rows},
        layer=[
            {
                "mark": {"type": "point", "size": 70, "opacity": 0.85},
                "encoding": {**channels, "color": _colour(), "tooltip": tips},
            },
            {"transform": [best], "mark": named, "encoding": {**channels, "text": {"field": "plan"}}},
        ],
    )


def _colour() -> dict[str, Any]:
    return {"field": "kind", "type": "nominal", "scale": {"domain": list(KINDS)}, "legend": None}


def _axis(name: str, metric: Metric, values: Sequence[float]) -> dict[str, Any]:
    logs = min(values) > 0 and max(values) > 10 * min(values)
    axis: dict[str, Any] = {"labelExpr": TIME_LABEL if metric.unit == "s" else COUNT_LABEL}
    if metric.unit == "share":
        axis = {"format": ".0%"}
    if logs:
        axis |= ticks(decades(min(values), max(values)))
    unit = ", ".join(text for text in (metric.unit.replace("share", ""), "log scale" if logs else "") if text)
    scale: dict[str, Any] = {"type": "log"} if logs else {"zero": False}
    title = f"{metric.title} ({unit})" if unit else metric.title
    return {"field": name, "type": "quantitative", "title": title, "axis": axis, "scale": scale | {"padding": 12}}
