"""When the requests of a trace arrive, and how bursty that is by time scale."""

from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.measure.burstiness import dispersion_curve, spread, tick
from evenly.report.charts.theme import COUNT_LABEL, decades, panel, rounded

BINS = 240


def arrivals(trace: Trace) -> dict[str, Any] | None:
    """Return arrivals a second over time; `None` for a trace without duration."""
    if trace.span <= 0:
        return None
    factor, unit = _clock(trace.span)
    counts, edges = np.histogram(trace.arrival, BINS)
    width = float(edges[1] - edges[0])
    rows = [
        {"time": rounded(float(edge + width / 2) / factor, 5), "rate": rounded(count / width)}
        for edge, count in zip(edges[:-1].tolist(), counts.tolist(), strict=True)
    ]
    return panel(
        "Arrivals over time",
        data={"values": rows},
        mark={"type": "area", "interpolate": "step"},
        encoding={
            "x": {"field": "time", "type": "quantitative", "title": unit, "scale": {"nice": False}},
            "y": {"field": "rate", "type": "quantitative", "title": "requests/s", "axis": {"labelExpr": COUNT_LABEL}},
            "tooltip": [
                {"field": "time", "type": "quantitative", "title": unit},
                {"field": "rate", "type": "quantitative", "format": ".3s", "title": "requests/s"},
            ],
        },
    )


def burstiness(trace: Trace) -> dict[str, Any] | None:
    """Return the index of dispersion of counts by time scale; `None` where no scale has enough windows.

    A Poisson process lies on 1 at every scale; what climbs with the scale is bursty over hours, not by chance. Scales
    below the tick of the clock are left out.
    """
    scales, index = dispersion_curve(spread(trace.arrival), tick(trace.arrival))
    if len(scales) < 2:
        return None
    rows = [{"scale": rounded(s), "idc": rounded(i)} for s, i in zip(scales.tolist(), index.tolist(), strict=True)]
    encoding = {
        "x": {"field": "scale", "type": "quantitative", "scale": {"type": "log", "nice": False}},
        "y": {"field": "idc", "type": "quantitative", "scale": {"type": "log", "nice": False}},
    }
    encoding["x"] |= {
        "title": "window in seconds (log scale)",
        "axis": {"labelExpr": COUNT_LABEL, "values": decades(scales[0], scales[-1])},
    }
    ticks = decades(min(1.0, float(index.min())), max(1.0, float(index.max())))
    encoding["y"] |= {"title": "variance / mean of counts", "axis": {"labelExpr": COUNT_LABEL, "values": ticks}}
    tips = [
        {"field": "scale", "type": "quantitative", "format": ".3s", "title": "window, s"},
        {"field": "idc", "type": "quantitative", "format": ".3s", "title": "variance / mean"},
    ]
    poisson = {"mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.6}, "encoding": {"y": {"datum": 1}}}
    curve = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True},
        "encoding": {**encoding, "tooltip": tips},
    }
    return panel("Burstiness by time scale (dashed: Poisson)", layer=[curve, poisson])


def _clock(span: float) -> tuple[float, str]:
    """Return seconds in the unit of the axis, and its name."""
    for factor, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if span >= 3 * factor:
            return factor, unit
    return 1.0, "seconds"
