"""Load by worker."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Floats, Outcome
from evenly.measure.imbalance import peak_over_mean
from evenly.report.charts.theme import hue, panel, rounded

FEW = 6  # so many bars fill the width; fewer stay as slim
TOGETHER = 48  # bars in one picture; more of them get a picture for each variant
MOST = 64  # workers drawn; beyond that, quantiles of them


def replicas(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the work of each worker, busiest first, with the peak over mean of each variant.

    Few bars stand in one picture, grouped by variant, many in one picture a variant. With spans the bars are busy
    shares; without them, shares of the busiest worker of all variants.
    """
    drawn = [outcome for outcome in outcomes if outcome.load.work.size]
    if not drawn:
        return []
    room = max(float(outcome.load.total.max()) for outcome in drawn)
    labels = [outcome.label for outcome in outcomes]
    if sum(outcome.load.work.shape[1] for outcome in drawn) <= TOGETHER:
        return [_grouped(drawn, room, labels)]
    return [_bars(outcome, room, labels) for outcome in drawn]


def shares(outcome: Outcome, room: float) -> Floats:
    """Return the share of its time, or of `room` where time is unknown, that each worker is busy; busiest first."""
    load = outcome.load
    whole = float(load.span.sum()) if load.span is not None else room
    share = np.sort(load.total)[::-1] / (whole or 1.0)
    return share if len(share) <= MOST else np.quantile(share, np.linspace(1, 0, MOST))


def _grouped(drawn: Sequence[Outcome], room: float, labels: Sequence[str]) -> dict[str, Any]:
    rows = [row for outcome in drawn for row in _rows(outcome, room)]
    workers = {"field": "worker", "type": "ordinal", "scale": {"paddingInner": 0.12}}
    margin = max(0.1, (FEW - len(rows)) / 2)
    scale = {"paddingInner": 0.25, "paddingOuter": margin}
    groups = {"field": "variant", "type": "nominal", "sort": list(labels), "scale": scale}
    room_for_label = {"expr": f"width / {len(drawn)} - 6"}
    axis = {"labelAngle": 0, "ticks": False, "labelLimit": room_for_label, "labelOverlap": False, "labelFlush": False}
    return panel(
        f"{drawn[0].load.worker.capitalize()}s, busiest first",
        height=110,
        data={"values": rows},
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": {**groups, "title": None, "axis": axis},
            "xOffset": workers,
            "y": _height(drawn, rows),
            "color": hue(labels),
            "tooltip": _tips(drawn[0]),
        },
    )


def _bars(outcome: Outcome, room: float, labels: Sequence[str]) -> dict[str, Any]:
    load = outcome.load
    rows = _rows(outcome, room)
    many = load.work.shape[1] > MOST
    count = len(rows)
    axis = {"labelAngle": 0, "ticks": False, "values": sorted({1, count // 4, count // 2, 3 * count // 4, count} - {0})}
    named = f"{load.worker}s, busiest first" + (f" ({MOST} quantiles of {load.work.shape[1]:,})" if many else "")
    return panel(
        f"{outcome.label} · peak/mean {peak_over_mean(load):.3g}",
        height=110,
        data={"values": rows},
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": {
                "field": "worker",
                "type": "ordinal",
                "title": named,
                "axis": axis,
                "scale": {"paddingInner": 0.15},
            },
            "y": _height([outcome], rows),
            "color": hue(labels),
            "tooltip": _tips(outcome),
        },
    )


def _rows(outcome: Outcome, room: float) -> list[dict[str, Any]]:
    ratio = rounded(peak_over_mean(outcome.load), 3)
    return [
        {"variant": outcome.label, "worker": k + 1, "share": rounded(v), "ratio": ratio}
        for k, v in enumerate(shares(outcome, room).tolist())
    ]


def _height(drawn: Sequence[Outcome], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    top = max(1.0, *(row["share"] for row in rows))
    return {
        "field": "share",
        "type": "quantitative",
        "title": _quantity(drawn[0]),
        "axis": {"format": ".0%"},
        "scale": {"domain": [0, top]},
    }


def _tips(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"field": "variant", "type": "nominal"},
        {"field": "worker", "type": "ordinal", "title": outcome.load.worker},
        {"field": "share", "type": "quantitative", "format": ".2%", "title": _quantity(outcome)},
        {"field": "ratio", "type": "quantitative", "title": "peak/mean of the variant"},
    ]


def _quantity(outcome: Outcome) -> str:
    if outcome.load.unit == "joules":
        return "share of the power it was given"
    return "busy share" if outcome.load.span is not None else "work, of the busiest"
