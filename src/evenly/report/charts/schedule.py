"""Operations that share a device, over time."""

from collections.abc import Sequence
from typing import Any

from evenly.core import Array, Outcome
from evenly.report.charts.theme import panel, rounded

LAYERS = 2  # drawn, from the middle of all, where the pipeline is full
RESOURCES = ("compute", "memory", "network")
KINDS = ("query", "decode", "prefill", "output", "up", "down", "gather", "reduce")  # as many as there are colours
MS = 1e3


def schedule(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one picture a variant, all on one scale of time: a row for each resource, a bar for each operation."""
    drawn = [outcome for outcome in outcomes if "operation" in outcome.items]
    bars = [_bars(outcome) for outcome in drawn]
    end = max((bar["end"] for rows in bars for bar in rows), default=0.0)
    panels = [_panel(outcome.label, rows, end) for outcome, rows in zip(drawn, bars, strict=True)]
    if panels:
        panels[-1]["encoding"]["color"]["legend"] = {"orient": "bottom", "title": None}
    return panels


def _panel(label: str, rows: list[dict[str, Any]], end: float) -> dict[str, Any]:
    return panel(
        label or "run",
        height=96,
        data={"values": rows},
        mark={"type": "bar", "stroke": "white", "strokeWidth": 0.5},
        encoding={
            "x": {"field": "begin", "type": "quantitative", "title": "ms", "scale": {"domain": [0, rounded(end)]}},
            "x2": {"field": "end"},
            "y": {"field": "resource", "type": "nominal", "sort": list(RESOURCES), "title": None},
            "color": {"field": "kind", "type": "nominal", "scale": {"domain": list(KINDS)}, "legend": None},
            "opacity": {"field": "share", "type": "quantitative", "legend": None, "scale": {"domain": [0, 1]}},
            "tooltip": [
                {"field": "operation", "type": "nominal"},
                {"field": "tokens", "type": "nominal"},
                {"field": "layer", "type": "quantitative"},
                {"field": "share", "type": "quantitative", "format": ".0%", "title": "share of the device"},
                {"field": "ms", "type": "quantitative", "format": ".3f"},
            ],
        },
    )


def _bars(outcome: Outcome) -> list[dict[str, Any]]:
    items: dict[str, list[Any]] = {name: _plain(column) for name, column in outcome.items.items()}
    middle = max(items["layer"]) // 2
    chosen = [k for k, layer in enumerate(items["layer"]) if middle <= layer < middle + LAYERS]
    start = min(items["begin"][k] for k in chosen)
    return [
        {
            "operation": items["operation"][k],
            "kind": items["operation"][k].partition("-")[0],  # both forms of a collective look alike
            "resource": items["resource"][k],
            "tokens": f"{items['first'][k]} to {items['last'][k]}",
            "layer": items["layer"][k],
            "share": rounded(items["share"][k]),
            "begin": rounded((items["begin"][k] - start) * MS),
            "end": rounded((items["end"][k] - start) * MS),
            "ms": rounded((items["end"][k] - items["begin"][k]) * MS),
        }
        for k in chosen
    ]


def _plain(column: Array) -> list[Any]:
    found: list[Any] = column.tolist()
    return found
