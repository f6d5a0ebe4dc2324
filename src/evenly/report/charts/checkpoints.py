"""The first checkpoints of a run: device, copier and writer over time."""

from collections.abc import Sequence
from typing import Any

from evenly.core import Outcome
from evenly.report.charts.theme import clock, panel, rounded

LANES = ("device", "copier", "writer")
WHAT = ("forward and backward", "update", "wait", "copy", "write")


def checkpoints(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one picture a variant, all on one scale of time: a row for each lane, a bar for what it does."""
    drawn = [(outcome.label, _bars(outcome)) for outcome in outcomes if "lane" in outcome.items]
    end = max((bar["end"] for _, bars in drawn for bar in bars), default=0.0)
    factor, unit = clock(end)
    panels = [_panel(label, bars, end / factor, factor, unit) for label, bars in drawn]
    if panels:
        panels[-1]["encoding"]["color"]["legend"] = {"orient": "bottom", "title": None}
    return panels


def _panel(label: str, bars: list[dict[str, Any]], end: float, factor: float, unit: str) -> dict[str, Any]:
    values = [
        bar | {"begin": rounded(bar["begin"] / factor, 6), "end": rounded(bar["end"] / factor, 6)} for bar in bars
    ]
    return panel(
        label or "run",
        height=96,
        data={"values": values},
        mark={"type": "bar", "stroke": "white", "strokeWidth": 0.5},
        encoding={
            "x": {"field": "begin", "type": "quantitative", "title": unit, "scale": {"domain": [0, rounded(end)]}},
            "x2": {"field": "end"},
            "y": {"field": "lane", "type": "nominal", "sort": list(LANES), "title": None, "scale": {"domain": LANES}},
            "color": {"field": "what", "type": "nominal", "scale": {"domain": list(WHAT)}, "legend": None},
            "tooltip": [
                {"field": "what", "type": "nominal"},
                {"field": "seconds", "type": "quantitative", "format": ".3g"},
            ],
        },
    )


def _bars(outcome: Outcome) -> list[dict[str, Any]]:
    items: dict[str, list[Any]] = {name: column.tolist() for name, column in outcome.items.items()}
    start = min(items["begin"], default=0.0)
    return [
        {
            "lane": lane,
            "what": what,
            "begin": begin - start,
            "end": end - start,
            "seconds": rounded(end - begin),
        }
        for lane, what, begin, end in zip(*(items[name] for name in ("lane", "what", "begin", "end")), strict=True)
    ]
