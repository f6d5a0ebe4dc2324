"""How even the experts of a layer are: over the steps, and expert by expert in the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.charts.theme import decades, hue, panel, rounded

LEAST = 1e-3  # smaller values are drawn here, as the axis is a logarithm
MOST_EXPERTS = 200  # points of a curve over experts


def violation(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return MaxVio over the steps and the sorted loads of experts, a curve a variant."""
    drawn = [outcome for outcome in outcomes if "violation" in outcome.series]
    return [_steps(drawn), _experts(drawn)] if drawn else []


def _steps(drawn: Sequence[Outcome]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"variant": outcome.label, "step": int(step), "value": rounded(max(float(value), LEAST))}
        for outcome in drawn
        for step, value in zip(*(outcome.series["violation"][name] for name in ("time", "maxvio")), strict=True)
    ]
    values = [row["value"] for row in rows]
    return panel(
        "MaxVio of a batch over the steps",
        data={"values": rows},
        mark={"type": "line", "strokeWidth": 1.6},
        encoding={
            "x": {"field": "step", "type": "quantitative", "title": "step"},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": "largest load over the mean, less 1",
                "scale": {"type": "log"},
                "axis": {"values": decades(min(values), max(values))},
            },
            "color": hue([outcome.label for outcome in drawn]),
            "tooltip": [{"field": "variant"}, {"field": "step"}, {"field": "value", "format": ".3g"}],
        },
    )


def _experts(drawn: Sequence[Outcome]) -> dict[str, Any]:
    rows = []
    for outcome in drawn:
        order = np.argsort(-outcome.items["share"], kind="stable")
        shown = order[np.linspace(0, len(order) - 1, min(len(order), MOST_EXPERTS)).astype(np.int64)]
        rows += [
            {
                "variant": outcome.label,
                "rank": k + 1,
                "share": rounded(float(outcome.items["share"][at])),
                "price": rounded(float(outcome.items["price"][at])),
                "expert": f"{outcome.items['layer'][at]}.{outcome.items['number'][at]}",
            }
            for k, at in enumerate(shown.tolist())
        ]
    return panel(
        "Load of each expert in the last steps, the fullest first",
        data={"values": rows},
        mark={"type": "line", "point": True, "strokeWidth": 1.2},
        encoding={
            "x": {"field": "rank", "type": "quantitative", "title": "expert, by load", "axis": {"tickMinStep": 1}},
            "y": {"field": "share", "type": "quantitative", "title": "load over the mean"},
            "color": hue([outcome.label for outcome in drawn]),
            "tooltip": [
                {"field": "variant"},
                {"field": "expert", "title": "layer and expert"},
                {"field": "share", "format": ".3g"},
                {"field": "price", "format": ".3g"},
            ],
        },
    )
