"""Distribution of latencies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Floats, Outcome
from evenly.report.charts.theme import TIME_LABEL, decades, hue, panel, rounded

SHARES = np.concatenate([np.linspace(0, 0.98, 140), np.linspace(0.981, 1.0, 20)])
KINDS = (("Time to first token", "ttft"), ("Gap between tokens", "gaps"), ("End to end", "e2e"))
LEAST = 0.004  # share of the fastest that may start left of the picture: they would squeeze the rest


def latency(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return cumulative distributions of TTFT, token gaps and end-to-end latency, on logarithmic time."""
    return [spec for title, kind in KINDS if (spec := _panel(outcomes, title, kind)) is not None]


def _panel(outcomes: Sequence[Outcome], title: str, kind: str) -> dict[str, Any] | None:
    curves = {outcome.label: quantiles(outcome, kind) for outcome in outcomes}
    known = {label: seconds for label, seconds in curves.items() if len(seconds) and seconds[-1] > 0}
    if not known:
        return None
    most = max(float(seconds[-1]) for seconds in known.values())
    start = int(np.searchsorted(SHARES, LEAST))
    least = max(min(float(seconds[start]) for seconds in known.values()), most / 1e6)
    domain = [least, max(most, least * 1.01)]
    rows = [
        {"variant": label, "seconds": rounded(second), "share": rounded(share)}
        for label, seconds in known.items()
        for second, share in zip(seconds.tolist(), SHARES.tolist(), strict=True)
        if second > 0
    ]
    axis = {"labelExpr": TIME_LABEL, "values": decades(*domain)}
    scale = {"type": "log", "domain": domain, "nice": False}
    return panel(
        title,
        data={"values": rows},
        mark={"type": "line", "clip": True},
        encoding={
            "x": {
                "field": "seconds",
                "type": "quantitative",
                "scale": scale,
                "title": "at most this long (log scale)",
                "axis": axis,
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": f"share of {'gaps' if kind == 'gaps' else 'requests'}",
                "axis": {"format": ".0%"},
            },
            "color": hue([outcome.label for outcome in outcomes]),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "seconds", "type": "quantitative", "format": ".3s", "title": "seconds"},
                {"field": "share", "type": "quantitative", "format": ".1%"},
            ],
        },
    )


def quantiles(outcome: Outcome, kind: str) -> Floats:
    """Return the times in seconds at `SHARES`; empty if the outcome does not know them."""
    if kind == "gaps":
        curve = outcome.series.get("gaps")
        if curve is None or len(curve["seconds"]) == 0 or np.isnan(curve["seconds"]).any():
            return np.empty(0)
        return np.asarray(np.interp(SHARES, curve["q"], curve["seconds"]))
    if "finish" not in outcome.items:
        return np.empty(0)
    times = outcome.items["first_token" if kind == "ttft" else "finish"] - outcome.items["arrival"]
    times = times[np.isfinite(times)]
    return np.asarray(np.quantile(times, SHARES)) if len(times) else np.empty(0)
