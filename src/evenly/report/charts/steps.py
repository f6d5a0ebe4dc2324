"""What the steps of a training wait for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.charts.theme import hue, panel, rounded

POINTS = 101


def steps(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return by how much the slowest rank of each step exceeds the mean one, evenest step first.

    Drawn from the columns `slowest` and `mean`; nothing where no outcome has them.
    """
    drawn = [outcome for outcome in outcomes if {"slowest", "mean"} <= set(outcome.items)]
    if not drawn:
        return []
    shares, rows = np.linspace(0.0, 1.0, POINTS), []
    for outcome in drawn:
        above = outcome.items["slowest"] / outcome.items["mean"] - 1.0
        curve = zip(shares.tolist(), np.quantile(above, shares).tolist(), strict=True)
        rows += [{"variant": outcome.label, "steps": rounded(x), "above": rounded(y)} for x, y in curve]
    axis = {"format": ".0%"}
    encoding = {
        "x": {"field": "steps", "type": "quantitative", "title": "share of the steps, evenest first", "axis": axis},
        "y": {"field": "above", "type": "quantitative", "title": "slowest rank above the mean", "axis": axis},
        "color": hue([outcome.label for outcome in outcomes]),
        "tooltip": [
            {"field": "variant", "type": "nominal"},
            {"field": "steps", "type": "quantitative", "format": ".0%", "title": "share of the steps"},
            {
                "field": "above",
                "type": "quantitative",
                "format": ".2%",
                "title": "slowest rank above the mean, at most",
            },
        ],
    }
    mark = {"type": "line"}
    return [panel("Wait of a step", data={"values": rows}, mark=mark, encoding=encoding)]
