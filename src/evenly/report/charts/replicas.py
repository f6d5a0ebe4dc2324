"""Load by worker."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Floats, Outcome
from evenly.measure.imbalance import peak_over_mean
from evenly.report.charts.theme import hue, panel, rounded

FEW = 6  # so many bars fill the width; fewer stay as slim
MOST = 64  # workers drawn; beyond that, quantiles of them


def replicas(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the work of each worker, busiest first, one picture a variant with its peak over mean.

    With spans the bars are busy shares; without them, shares of the busiest worker of all variants.
    """
    drawn = [outcome for outcome in outcomes if outcome.load.work.size]
    room = max((float(outcome.load.total.max()) for outcome in drawn), default=0.0)
    return [_bars(outcome, room, [o.label for o in outcomes]) for outcome in drawn]


def shares(outcome: Outcome, room: float) -> Floats:
    """Return the share of its time, or of `room` where time is unknown, that each worker is busy; busiest first."""
    load = outcome.load
    whole = float(load.span.sum()) if load.span is not None else room
    share = np.sort(load.total)[::-1] / (whole or 1.0)
    return share if len(share) <= MOST else np.quantile(share, np.linspace(1, 0, MOST))


def _bars(outcome: Outcome, room: float, labels: list[str]) -> dict[str, Any]:
    load = outcome.load
    share = shares(outcome, room)
    rows = [{"variant": outcome.label, "worker": k + 1, "share": rounded(v)} for k, v in enumerate(share.tolist())]
    many = load.work.shape[1] > MOST
    axis = {"labelAngle": 0, "labelOverlap": "greedy", "ticks": False}
    scale = {"paddingInner": 0.15, "paddingOuter": max(0.1, (FEW - len(share)) / 2)}
    quantity = "busy share" if load.span is not None else "work, of the busiest"
    named = f"{load.worker}s, busiest first" + (f" ({MOST} quantiles of {load.work.shape[1]:,})" if many else "")
    return panel(
        f"{outcome.label} · peak/mean {peak_over_mean(load):.3g}",
        height=110,
        data={"values": rows},
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": {"field": "worker", "type": "ordinal", "title": named, "axis": axis, "scale": scale},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": quantity,
                "axis": {"format": ".0%"},
                "scale": {"domain": [0, max(1.0, float(share.max()))]},
            },
            "color": hue(labels),
            "tooltip": [
                {"field": "worker", "type": "ordinal", "title": load.worker},
                {"field": "share", "type": "quantitative", "format": ".2%", "title": quantity},
            ],
        },
    )
