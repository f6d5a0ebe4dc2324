"""Wholes as stacked bars of their parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenly.report.charts.theme import TIME_LABEL, panel, rounded

ROW = 26  # pixels of a bar with the gap beside it


def breakdown(title: str, wholes: Mapping[str, Mapping[str, float]], parts: Sequence[str], axis: str) -> dict[str, Any]:
    """Return a bar a whole, cut into `parts`, all in seconds; `axis` says of what."""
    rows = [
        {"whole": name, "part": part, "seconds": rounded(cut[part]), "share": rounded(cut[part] / sum(cut.values()))}
        for name, cut in wholes.items()
        for part in parts
        if sum(cut.values()) > 0
    ]
    order = {"field": "place", "type": "quantitative"}
    place = [{"calculate": f"indexof({list(parts)!r}, datum.part)", "as": "place"}]
    seconds = {"field": "seconds", "type": "quantitative", "title": axis, "axis": {"labelExpr": TIME_LABEL}}
    return panel(
        title,
        height=ROW * max(1, len(wholes)),
        data={"values": rows},
        transform=place,
        mark={"type": "bar", "height": 16},
        encoding={
            "y": {
                "field": "whole",
                "type": "nominal",
                "sort": list(wholes),
                "title": None,
                "axis": {"labelLimit": 260, "ticks": False},
            },
            "x": seconds,
            "color": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": list(parts)},
                "legend": {"orient": "bottom", "title": None, "columns": 6},
            },
            "order": order,
            "tooltip": [
                {"field": "whole", "type": "nominal", "title": "plan"},
                {"field": "part", "type": "nominal"},
                {"field": "seconds", "type": "quantitative", "format": ".4s"},
                {"field": "share", "type": "quantitative", "format": ".1%"},
            ],
        },
    )
