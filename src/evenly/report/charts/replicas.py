"""Load by worker."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.charts.theme import hue

MOST = 64  # workers drawn; beyond that, quantiles of them


def replicas(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the busy share of each worker, one row of bars a variant."""
    rows = []
    for outcome in outcomes:
        total = outcome.load.total
        room = float(outcome.load.span.sum()) if outcome.load.span is not None else float(total.max(initial=0.0))
        share = np.sort(total / room)[::-1] if room > 0 else total
        if len(share) > MOST:
            share = np.quantile(share, np.linspace(1, 0, MOST))
        rows += [
            {"variant": outcome.label, "worker": k + 1, "share": float(f"{value:.4g}")} for k, value in enumerate(share)
        ]
    labels = [outcome.label for outcome in outcomes]
    worker = outcomes[0].load.worker if outcomes else "worker"
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "width": max(60, 900 // max(1, len(outcomes)) - 40),
        "height": 160,
        "encoding": {
            "column": {"field": "variant", "title": None, "sort": labels},
            "x": {"field": "worker", "type": "ordinal", "title": f"{worker}, busiest first", "axis": {"labelAngle": 0}},
            "y": {"field": "share", "type": "quantitative", "title": "busy", "axis": {"format": "%"}},
            "color": {**hue(labels), "legend": None},
            "tooltip": [{"field": "variant"}, {"field": "worker"}, {"field": "share", "format": ".2%"}],
        },
    }
