"""Two figures of each variant that are bought with each other."""

from collections.abc import Sequence
from typing import Any

from evenly.core import Metric, Outcome
from evenly.report.charts.theme import COUNT_LABEL, hue, panel, rounded
from evenly.report.trade import front

NEAR = 0.02  # by which share two figures may differ and still lie on each other in the picture


def trade(outcomes: Sequence[Outcome], metrics: Sequence[Metric], names: tuple[str, str]) -> dict[str, Any]:
    """Return each variant at its two figures, the first one upwards, and a line along those that nothing beats."""
    known = {metric.name: metric for metric in metrics}
    up, right = (known[name] for name in names)
    best = front(outcomes, names)
    rows: list[dict[str, Any]] = [
        {
            "variant": outcome.label,
            "up": rounded(outcome.metrics[up.name]),
            "right": rounded(outcome.metrics[right.name]),
            "front": outcome in best,
            "name": name,
        }
        for outcome, name in zip(outcomes, _names(outcomes, names), strict=True)
    ]
    positive = all(row[side] > 0 for row in rows for side in ("up", "right"))
    scale = {"type": "log" if positive else "symlog", "nice": False, "padding": 24}
    x = {"field": "right", "type": "quantitative", "title": _title(right), "scale": scale}
    y = {"field": "up", "type": "quantitative", "title": _title(up), "scale": scale}
    axis = {"labelExpr": COUNT_LABEL, "tickCount": 5}
    place = {"x": {**x, "axis": axis}, "y": {**y, "axis": axis}}
    tips = [
        {"field": "variant", "type": "nominal"},
        {"field": "up", "type": "quantitative", "format": ",.4~s", "title": up.title},
        {"field": "right", "type": "quantitative", "format": ",.4~s", "title": _title(right)},
    ]
    line = {"type": "line", "strokeWidth": 1, "strokeDash": [4, 4], "color": "#7f8790", "interpolate": "step-after"}
    return panel(
        f"{up.title} against {right.title.lower()}: towards the lower left is better",
        height=320,
        data={"values": rows},
        layer=[
            {"transform": [{"filter": "datum.front"}], "mark": line, "encoding": place},
            {
                "mark": {"type": "point", "size": 110, "filled": True},
                "encoding": {**place, "color": hue([o.label for o in outcomes]), "tooltip": tips},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 8, "dy": -8},
                "encoding": {**place, "text": {"field": "name"}},
            },
        ],
    )


def _names(outcomes: Sequence[Outcome], names: tuple[str, str]) -> list[str]:
    """Return what stands beside each point: of points that lie on each other the first one has the labels of all."""
    left, found = list(range(len(outcomes))), [""] * len(outcomes)
    while left:
        pairs = [[(outcomes[k].metrics[name], outcomes[left[0]].metrics[name]) for name in names] for k in left]
        near = [k for k, two in zip(left, pairs, strict=True) if all(abs(a - b) <= NEAR * max(a, b) for a, b in two)]
        found[left[0]] = ", ".join(outcomes[k].label for k in near)
        left = [k for k in left if k not in near]
    return found


def _title(metric: Metric) -> str:
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title
