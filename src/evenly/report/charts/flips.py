"""Which plan is the best at which rate."""

from collections.abc import Sequence
from typing import Any

from evenly.report.charts.theme import COUNT_LABEL, decades, panel, rounded, ticks


def flips(stretches: Sequence[tuple[float, float, str]], rate: float) -> dict[str, Any]:
    """Return a bar for each (lowest rate, highest rate, best plan); the rule is the trace's own rate.

    Between two bars the best plan changes; where exactly was not looked for.
    """
    rows = [{"low": rounded(low), "high": rounded(high), "plan": plan} for low, high, plan in stretches]
    least, most = stretches[0][0], stretches[-1][1]
    x = {
        "field": "low",
        "type": "quantitative",
        "title": "requests/s (log scale)",
        "scale": {"type": "log", "domain": [rounded(least), rounded(most)], "nice": False},
        "axis": {"labelExpr": COUNT_LABEL, **ticks(decades(least, most))},
    }
    plans = list(dict.fromkeys(plan for _, _, plan in stretches))
    y = {"field": "plan", "type": "nominal", "sort": plans, "title": None, "axis": {"labelLimit": 260, "ticks": False}}
    tips = [
        {"field": "plan", "type": "nominal"},
        {"field": "low", "type": "quantitative", "format": ".3s", "title": "from, requests/s"},
        {"field": "high", "type": "quantitative", "format": ".3s", "title": "to, requests/s"},
    ]
    return panel(
        "The best plan by rate",
        height=30 * len(plans),
        data={"values": rows},
        layer=[
            {
                "mark": {"type": "bar", "height": 14, "cornerRadius": 3},
                "encoding": {"x": x, "x2": {"field": "high"}, "y": y, "tooltip": tips},
            },
            {
                "data": {"values": [{"rate": rounded(rate)}]},
                "mark": {"type": "rule", "strokeDash": [4, 4]},
                "encoding": {"x": {"field": "rate", "type": "quantitative"}},
            },
        ],
    )
