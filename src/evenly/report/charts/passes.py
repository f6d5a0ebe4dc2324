"""Measured passes against fitted ones."""

from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.calibration.steps import KINDS, Steps
from evenly.report.charts.theme import COUNT_LABEL, TIME_LABEL, decades, hue, panel, rounded, ticks

SHOWN = 1_200  # passes of each kind that are drawn, at most
FAR = 1.0  # relative error beyond which a pass is drawn at the edge
NEAR = 0.02  # error that a picture shows at least, so that rounding does not fill it


def against(steps: Steps, fitted: Floats) -> dict[str, Any]:
    """Return measured over fitted seconds, a point a pass; on the line both are equal."""
    labels = _labels(steps)
    chosen = [(kind, i) for kind, i in _chosen(steps) if steps.seconds[i] > 0]
    rows = [
        {"variant": KINDS[kind], "fitted": rounded(fitted[i]), "measured": rounded(steps.seconds[i])}
        for kind, i in chosen
    ]
    times = np.concatenate([column[[i for _, i in chosen]] for column in (fitted, steps.seconds)])
    domain = [rounded(float(times.min()) / 1.1), rounded(float(times.max()) * 1.1)]
    points = {
        "mark": {"type": "point", "size": 12, "opacity": 0.45},
        "encoding": {"x": _time("fitted", domain), "y": _time("measured", domain), "color": hue(labels)},
    }
    line = {
        "data": {"values": [{"fitted": end, "measured": end} for end in domain]},
        "mark": {"type": "line", "strokeWidth": 1, "color": "#8a949e"},
        "encoding": {"x": _time("fitted", domain), "y": _time("measured", domain)},
    }
    return panel("Seconds of a pass: measured against fitted", data={"values": rows}, layer=[line, points])


def residuals(steps: Steps, fitted: Floats) -> list[dict[str, Any]]:
    """Return the relative error over the tokens of the pass, a picture for each kind of pass."""
    labels = _labels(steps)
    tokens = steps.tokens
    drawn = []
    for label in labels:
        chosen = [i for kind, i in _chosen(steps) if KINDS[kind] == label]
        errors = [rounded(_error(steps.seconds[i] / fitted[i])) for i in chosen]
        rows = [
            {"variant": label, "tokens": int(tokens[i]), "error": error}
            for i, error in zip(chosen, errors, strict=True)
        ]
        x = {
            "field": "tokens",
            "type": "quantitative",
            "title": "tokens of the pass",
            "scale": {"zero": False, "nice": False, "padding": 8},
            "axis": {"labelExpr": COUNT_LABEL},
        }
        reach = max(NEAR, *map(abs, errors))
        y = {
            "field": "error",
            "type": "quantitative",
            "title": "measured over fitted, less 1",
            "axis": {"format": "+.0%" if reach > NEAR else "+.1%"},
            "scale": {"domain": [-reach, reach]},
        }
        points = {
            "mark": {"type": "point", "size": 12, "opacity": 0.45},
            "encoding": {"x": x, "y": y, "color": hue(labels)},
        }
        zero = {"mark": {"type": "rule", "size": 1, "opacity": 0.6}, "encoding": {"y": {"datum": 0}}}
        drawn.append(panel(f"Error of {label} passes", data={"values": rows}, layer=[zero, points]))
    return drawn


def curve(knots: Ints, seconds: Floats) -> dict[str, Any]:
    """Return the fitted seconds over the tokens of a pass, without what contexts and requests add."""
    rows = [{"tokens": int(k), "seconds": rounded(s)} for k, s in zip(knots, seconds, strict=True)]
    x = {"field": "tokens", "type": "quantitative", "title": "tokens of the pass", "axis": {"labelExpr": COUNT_LABEL}}
    y = {"field": "seconds", "type": "quantitative", "title": "seconds", "axis": {"labelExpr": TIME_LABEL}}
    return panel(
        "The curve over tokens",
        data={"values": rows},
        mark={"type": "line", "point": True},
        encoding={"x": x, "y": y},
    )


def _labels(steps: Steps) -> list[str]:
    found = set(steps.kind().tolist())
    return [kind for place, kind in enumerate(KINDS) if place in found]


def _chosen(steps: Steps) -> list[tuple[int, int]]:
    """Return kind and place of the passes that are drawn: all of a rare kind, every so many-th of a common one."""
    kinds = steps.kind()
    chosen: list[tuple[int, int]] = []
    for kind in range(len(KINDS)):
        mine = np.flatnonzero(kinds == kind)
        chosen += [(kind, int(i)) for i in mine[:: max(1, -(-len(mine) // SHOWN))]]
    return chosen


def _error(ratio: float) -> float:
    return min(max(ratio - 1.0, -FAR), FAR)


def _time(field: str, domain: list[float]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "title": f"{field} (log scale)",
        "scale": {"type": "log", "domain": domain, "nice": False},
        "axis": {"labelExpr": TIME_LABEL, **ticks(decades(*domain))},
    }
