"""How long prompts and outputs are."""

from typing import Any

import numpy as np

from evenly.core import Ints, Trace
from evenly.report.charts.theme import COUNT_LABEL, decades, panel, rounded

BINS = 48


def lengths(trace: Trace) -> list[dict[str, Any]]:
    """Return histograms of prompt and output tokens on a logarithmic axis; lengths of zero are left out."""
    pairs = (("Prompt tokens", trace.prompt), ("Output tokens", trace.output))
    return [spec for title, tokens in pairs if (spec := _histogram(title, tokens)) is not None]


def _histogram(title: str, tokens: Ints) -> dict[str, Any] | None:
    known = tokens[tokens > 0]
    if len(known) == 0:
        return None
    least, most = float(known.min()), float(known.max())
    edges = np.geomspace(least, most * 1.0001 + 1e-9, BINS + 1) if most > least else np.array([least, least * 1.1])
    counts, _ = np.histogram(known, edges)
    rows = [
        {"low": rounded(low), "high": rounded(high), "share": rounded(count / len(known))}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        if count
    ]
    middle, tail = np.quantile(known, (0.5, 0.99))
    scale = {"type": "log", "nice": False}
    axis = {"labelExpr": COUNT_LABEL, "values": decades(least, most)}
    bars = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "scale": scale, "title": "tokens (log scale)", "axis": axis},
            "x2": {"field": "high"},
            "y": {"field": "share", "type": "quantitative", "title": "share of requests", "axis": {"format": ".1~%"}},
            "y2": {"datum": 0},
            "tooltip": [
                {"field": "low", "type": "quantitative", "format": ",.0f", "title": "from"},
                {"field": "high", "type": "quantitative", "format": ",.0f", "title": "to"},
                {"field": "share", "type": "quantitative", "format": ".2%"},
            ],
        },
    }
    return panel(f"{title} · median {middle:,.0f}, p99 {tail:,.0f}", layer=[bars])
