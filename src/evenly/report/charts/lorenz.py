"""Who holds how much: Lorenz curves."""

from collections.abc import Mapping
from typing import Any

from evenly.core import Floats
from evenly.measure.concentration import gini, lorenz
from evenly.report.charts.theme import hue, panel, rounded

POINTS = 101


def concentration(holdings: Mapping[str, Floats], holders: str, held: str, title: str = "") -> dict[str, Any]:
    """Return the Lorenz curve of each named set of holdings; the diagonal is perfect equality.

    `holders` and `held` are plural nouns for the axes: users and tokens.
    """
    rows = []
    for name, values in holdings.items():
        uneven = rounded(gini(values), 3)
        curve = zip(*(axis.tolist() for axis in lorenz(values, POINTS)), strict=True)
        rows += [
            {"variant": name, "holders": rounded(x), "held": rounded(y), "gini": uneven} for x, y in curve if y == y
        ]
    diagonal = {
        "data": {"values": [{"holders": 0, "held": 0}, {"holders": 1, "held": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "color": "#8a949e"},
        "encoding": _axes(holders, held),
    }
    curves = {
        "data": {"values": rows},
        "mark": {"type": "line"},
        "encoding": {
            **_axes(holders, held),
            "color": hue(list(holdings)),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "holders", "type": "quantitative", "format": ".0%", "title": f"lightest {holders}"},
                {"field": "held", "type": "quantitative", "format": ".1%", "title": f"share of {held}"},
                {"field": "gini", "type": "quantitative", "title": "Gini"},
            ],
        },
    }
    return panel(title, layer=[diagonal, curves])


def _axes(holders: str, held: str) -> dict[str, Any]:
    axis = {"format": ".0%"}
    return {
        "x": {"field": "holders", "type": "quantitative", "title": f"lightest share of {holders}", "axis": axis},
        "y": {"field": "held", "type": "quantitative", "title": f"share of {held} they hold", "axis": axis},
    }
