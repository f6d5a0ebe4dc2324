"""Experts of a few layers on CPU, device and link, over time."""

from collections.abc import Sequence
from typing import Any

from evenly.core import Outcome
from evenly.report.charts.theme import panel, rounded

LAYERS = 2  # drawn, from the middle of those that were logged
SIDES = ("CPU", "device", "link")
WHAT = ("computed", "asked for", "prefetched", "kept for later")
MS = 1e3


def experts(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one picture a variant, all on one scale of time: a row for each side, a bar for each expert."""
    drawn = [(outcome.label, bars) for outcome in outcomes if "expert" in outcome.items and (bars := _bars(outcome))]
    end = max((bar["end"] for _, bars in drawn for bar in bars), default=0.0)
    panels = [_panel(label, bars, end) for label, bars in drawn]
    if panels:
        panels[-1]["encoding"]["color"]["legend"] = {"orient": "bottom", "title": None}
    return panels


def _panel(label: str, bars: list[dict[str, Any]], end: float) -> dict[str, Any]:
    return panel(
        label or "run",
        height=96,
        data={"values": bars},
        mark={"type": "bar", "stroke": "white", "strokeWidth": 0.5},
        encoding={
            "x": {"field": "begin", "type": "quantitative", "title": "ms", "scale": {"domain": [0, rounded(end)]}},
            "x2": {"field": "end"},
            "y": {"field": "side", "type": "nominal", "sort": list(SIDES), "title": None, "scale": {"domain": SIDES}},
            "color": {"field": "what", "type": "nominal", "scale": {"domain": list(WHAT)}, "legend": None},
            "tooltip": [
                {"field": "expert", "type": "quantitative"},
                {"field": "what", "type": "nominal"},
                {"field": "tokens", "type": "quantitative"},
                {"field": "layer", "type": "quantitative"},
                {"field": "ms", "type": "quantitative", "format": ".3f"},
            ],
        },
    )


def _bars(outcome: Outcome) -> list[dict[str, Any]]:
    items: dict[str, list[Any]] = {name: column.tolist() for name, column in outcome.items.items()}
    layers = sorted(set(items["layer"]))
    shown = layers[len(layers) // 2 :][:LAYERS]
    chosen = [k for k, layer in enumerate(items["layer"]) if layer in shown]
    start = min((items["begin"][k] for k in chosen), default=0.0)
    return [
        {
            "expert": items["expert"][k],
            "what": items["what"][k],
            "side": items["side"][k],
            "tokens": items["tokens"][k],
            "layer": items["layer"][k],
            "begin": rounded((items["begin"][k] - start) * MS),
            "end": rounded((items["end"][k] - start) * MS),
            "ms": rounded((items["end"][k] - items["begin"][k]) * MS),
        }
        for k in chosen
    ]
