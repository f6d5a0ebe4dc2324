"""Jobs of a shared cluster: how long small and large ones take, and how far users are behind the ideal."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.report.charts.theme import COUNT_LABEL, TIME_LABEL, clock, dashes, decades, hue, panel, rounded

CLASSES = 8  # of the jobs by their work, each of as many
FEW = 3  # classes below which a curve by work tells nothing
USERS = 100  # that are drawn at most
LEAST = 1e-6  # seconds and core-seconds from which on logarithms are drawn


def jobs(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the response by size of a job and by user, and the user who is furthest behind over time."""
    drawn = [outcome for outcome in outcomes if {"response", "work"} <= outcome.items.keys()]
    drawn = [outcome for outcome in drawn if len(outcome.items["work"]) and "users" in outcome.series]
    return [*_by_size(drawn), _by_user(drawn), _behind(drawn)] if drawn else []


def _by_user(drawn: Sequence[Outcome]) -> dict[str, Any]:
    lines = {outcome.label: _users(outcome) for outcome in drawn}
    rows = [row for line in lines.values() for row in line]
    return panel(
        "Mean response of each user, from the one with least work to the one with most",
        data={"values": rows},
        mark={"type": "line", "point": True, "strokeWidth": 1.2},
        encoding={
            "x": {
                "field": "rank",
                "type": "quantitative",
                "title": "user, by work",
                "axis": {"tickMinStep": 1, "format": "d"},
                "scale": {"nice": False},
            },
            "y": _response([row["response"] for row in rows]),
            "color": hue(list(lines)),
            **_dashes(lines, "response"),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "user", "type": "nominal"},
                {"field": "jobs", "type": "quantitative"},
                {"field": "response", "type": "quantitative", "format": ".3g", "title": "seconds"},
            ],
        },
    )


def _users(outcome: Outcome) -> list[dict[str, Any]]:
    names, code = np.unique(outcome.items["user"].astype(str), return_inverse=True)
    count, work = np.bincount(code), np.bincount(code, outcome.items["work"])
    mean = np.bincount(code, outcome.items["response"]) / count
    shown = np.argsort(work, kind="stable")[np.linspace(0, len(names) - 1, min(len(names), USERS)).astype(np.int64)]
    return [
        {
            "variant": outcome.label,
            "rank": rank,
            "user": str(names[user]),
            "jobs": int(count[user]),
            "response": rounded(max(float(mean[user]), LEAST)),
        }
        for rank, user in enumerate(shown.tolist(), 1)
    ]


def _response(responses: Sequence[float]) -> dict[str, Any]:
    return {
        "field": "response",
        "type": "quantitative",
        "title": "response",
        "scale": {"type": "log", "nice": False},
        "axis": {"values": decades(min(responses), max(responses)), "labelExpr": TIME_LABEL},
    }


def _by_size(drawn: Sequence[Outcome]) -> list[dict[str, Any]]:
    lines = {outcome.label: _classes(outcome) for outcome in drawn}
    if min(len(line) for line in lines.values()) < FEW:
        return []
    rows = [row for line in lines.values() for row in line]
    made = panel(
        "Mean response by the work of a job",
        data={"values": rows},
        mark={"type": "line", "point": True, "strokeWidth": 1.6},
        encoding={
            "x": {
                "field": "work",
                "type": "quantitative",
                "title": "core-seconds, median of a class",
                "scale": {"type": "log", "nice": False},
                "axis": {"labelExpr": COUNT_LABEL},
            },
            "y": _response([row["response"] for row in rows]),
            "color": hue(list(lines)),
            **_dashes(lines, "response"),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "work", "type": "quantitative", "format": ".3g", "title": "core-seconds"},
                {"field": "response", "type": "quantitative", "format": ".3g", "title": "seconds"},
            ],
        },
    )
    return [made]


def _classes(outcome: Outcome) -> list[dict[str, Any]]:
    """Return classes of jobs by their work; where all are alike there is one."""
    work, response = outcome.items["work"], outcome.items["response"]
    _, code = np.unique(np.round(work, 6), return_inverse=True)
    parts = np.array_split(np.argsort(work, kind="stable"), min(CLASSES, int(code.max()) + 1))
    return [
        {
            "variant": outcome.label,
            "work": rounded(max(float(np.median(work[part])), LEAST)),
            "response": rounded(max(float(response[part].mean()), LEAST)),
        }
        for part in parts
    ]


def _behind(drawn: Sequence[Outcome]) -> dict[str, Any]:
    end = max(float(outcome.series["users"]["time"].max(initial=0.0)) for outcome in drawn)
    factor, unit = clock(end)
    lines = {outcome.label: _worst(outcome, factor) for outcome in drawn}
    return panel(
        "Behind the fluid ideal, the user who is furthest",
        data={"values": [row for line in lines.values() for row in line]},
        mark={"type": "line", "strokeWidth": 1.4},
        encoding={
            "x": {
                "field": "time",
                "type": "quantitative",
                "title": f"{unit} since the start",
                "scale": {"nice": False},
            },
            "y": {"field": "behind", "type": "quantitative", "title": "core-seconds", "axis": {"tickCount": 5}},
            "color": hue(list(lines)),
            **_dashes(lines, "behind"),
            "tooltip": [
                {"field": "variant", "type": "nominal"},
                {"field": "time", "type": "quantitative", "format": ".4g", "title": unit},
                {"field": "behind", "type": "quantitative", "format": ".3g", "title": "core-seconds"},
            ],
        },
    )


def _worst(outcome: Outcome, factor: float) -> list[dict[str, Any]]:
    table = outcome.series["users"]
    columns = zip(table["time"].tolist(), table["worst"].tolist(), strict=True)
    return [
        {"variant": outcome.label, "time": rounded(time / factor, 5), "behind": rounded(behind)}
        for time, behind in columns
    ]


def _dashes(lines: dict[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    return dashes({label: repr([row[name] for row in rows]).encode() for label, rows in lines.items()})
