"""The first passes of the stages of a pipeline, over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.charts.theme import panel, rounded

MOST = 500  # passes of a variant that are drawn
KINDS = (
    "forward",
    "backward",
    "input gradient",
    "weight gradient",
    "output layer, softmax",
    "output layer, gradient",
    "input layer, forward",
    "input layer, backward",
)
ROW = 15  # pixels of a device
MS = 1e3


def pipeline(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one picture a variant, all on one scale of time: a row for each device, a bar for each pass."""
    drawn = [outcome for outcome in outcomes if "pipeline" in outcome.series]
    tables = [outcome.series["pipeline"] for outcome in drawn]
    end = min((float(table["time"][: MOST + 1].max()) for table in tables), default=0.0)
    panels = [_panel(outcome, end) for outcome in drawn]
    if panels:
        panels[-1]["encoding"]["color"]["legend"] = {"orient": "bottom", "title": None, "columns": 4}
    return panels


def _panel(outcome: Outcome, end: float) -> dict[str, Any]:
    devices = int(outcome.series["pipeline"]["device"].max()) + 1
    return panel(
        outcome.label or "run",
        height=ROW * devices,
        data={"values": _bars(outcome, end)},
        mark={"type": "bar", "stroke": "white", "strokeWidth": 0.3},
        encoding={
            "x": {"field": "begin", "type": "quantitative", "title": "ms", "scale": {"domain": [0, rounded(end * MS)]}},
            "x2": {"field": "end"},
            "y": {"field": "device", "type": "ordinal", "title": None, "scale": {"domain": list(range(devices))}},
            "color": {"field": "pass", "type": "nominal", "scale": {"domain": list(KINDS)}, "legend": None},
            "tooltip": [
                {"field": "pass", "type": "nominal"},
                {"field": "micro-batch", "type": "quantitative"},
                {"field": "stage", "type": "quantitative"},
                {"field": "ms", "type": "quantitative", "format": ".3f"},
            ],
        },
    )


def _bars(outcome: Outcome, end: float) -> list[dict[str, Any]]:
    table = outcome.series["pipeline"]
    first = np.flatnonzero(table["time"] < end)[:MOST]
    columns = (table[name][first].tolist() for name in ("time", "end", "device", "pass", "stage", "micro_batch"))
    return [
        {
            "pass": name,
            "device": device,
            "stage": stage,
            "micro-batch": batch,
            "begin": rounded(begin * MS),
            "end": rounded(min(finish, end) * MS),
            "ms": rounded((finish - begin) * MS),
        }
        for begin, finish, device, name, stage, batch in zip(*columns, strict=True)
        if finish > begin
    ]
