"""Distribution of latencies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Array, Outcome
from evenly.report.charts.theme import hue

POINTS = 160
KINDS = (("Time to first token", "ttft"), ("Gap between tokens", "gaps"), ("End to end", "e2e"))


def latency(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return cumulative distributions of TTFT, token gaps and end-to-end latency, on logarithmic time."""
    labels = [outcome.label for outcome in outcomes]
    panels = []
    for title, kind in KINDS:
        rows = [row for outcome in outcomes for row in _curve(outcome, kind)]
        panels.append(
            {
                "title": title,
                "width": 262,
                "height": 220,
                "data": {"values": rows},
                "mark": {"type": "line", "interpolate": "step-after", "clip": True},
                "encoding": {
                    "x": {"field": "seconds", "type": "quantitative", "scale": {"type": "log"}, "title": "seconds"},
                    "y": {
                        "field": "share",
                        "type": "quantitative",
                        "title": "share of " + ("gaps" if kind == "gaps" else "requests"),
                        "axis": {"format": "%"},
                    },
                    "color": hue(labels),
                    "tooltip": [
                        {"field": "variant"},
                        {"field": "seconds", "format": ".3s"},
                        {"field": "share", "format": ".1%"},
                    ],
                },
            }
        )
    return {"hconcat": panels, "spacing": 22}


def _curve(outcome: Outcome, kind: str) -> list[dict[str, Any]]:
    shares = np.concatenate([np.linspace(0, 0.98, POINTS), np.linspace(0.981, 1.0, 20)])
    if kind == "gaps":
        curve = outcome.series.get("gaps")
        if curve is None:
            return []
        seconds = np.interp(shares, curve["q"], curve["seconds"])
    else:
        times = _times(outcome, kind)
        if len(times) == 0:
            return []
        seconds = np.quantile(times, shares)
    return [
        {"variant": outcome.label, "seconds": float(f"{second:.4g}"), "share": float(f"{share:.4g}")}
        for second, share in zip(seconds, shares, strict=True)
        if second > 0
    ]


def _times(outcome: Outcome, kind: str) -> Array:
    if "finish" not in outcome.items:
        return np.empty(0)
    end = outcome.items["first_token" if kind == "ttft" else "finish"]
    times = end - outcome.items["arrival"]
    return times[np.isfinite(times)]
