"""How all charts look, light and dark."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito, "Color universal design", 2008: told apart with any colour vision. Black and yellow, which vanish on
# one of the two backgrounds, are replaced by grey and brown; the dark palette has the same hues, lighter.
LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a6d3b", "#7f8790")
DARK = ("#4ba6e0", "#f2b134", "#2ec79b", "#e39cc6", "#ff8b4d", "#9bd7f7", "#c9a66b", "#aab4bf")
HEIGHT = 190
DASH = 9  # pixels of a dash, and of the first gap
NO_LEGEND = 8  # with more variants than colours a picture would lie

# Milliseconds below one second, as in the table.
TIME_LABEL = "datum.value < 0.9995 ? format(datum.value * 1000, '~g') + ' ms' : format(datum.value, ',~g') + ' s'"
COUNT_LABEL = "datum.value >= 1000 ? format(datum.value, '~s') : format(datum.value, '~g')"


def config(ink: str, faint: str, colours: Sequence[str]) -> dict[str, Any]:
    """Return a Vega-Lite configuration with text in `ink`, grid lines in `faint` and variants in `colours`."""
    axis = {
        "labelColor": ink,
        "titleColor": ink,
        "gridColor": faint,
        "domainColor": faint,
        "tickColor": faint,
        "labelFontSize": 11,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
        "labelPadding": 5,
    }
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, Segoe UI, sans-serif",
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "labelFlush": True},
        "axisY": {"domain": False, "ticks": False, "minExtent": 34, "tickCount": 5},
        "title": {"color": ink, "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 10},
        "range": {"category": list(colours), "heatmap": [faint, colours[0]], "ramp": [faint, colours[0]]},
        "line": {"strokeWidth": 2, "strokeJoin": "round", "color": colours[0]},
        "area": {"color": colours[0], "line": True, "fillOpacity": 0.25},
        "bar": {"color": colours[0]},
        "point": {"filled": True, "size": 42, "color": colours[0]},
        "rule": {"color": ink},
        "text": {"color": ink},
    }


def hue(labels: Sequence[str]) -> dict[str, Any]:
    """Return the colour channel of the variants, in their order; the page draws the legend."""
    return {"field": "variant", "type": "nominal", "scale": {"domain": list(labels)}, "legend": None}


def dashes(curves: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the channel that dashes a curve that lies on an earlier one, so that both colours show; else nothing.

    `curves` maps the label of each variant, in the order of drawing, to the bytes of its figures.

    >>> dashes({"a": b"1", "b": b"2"})
    {}
    """
    seen: dict[bytes, int] = {}
    copies: dict[str, int] = {}
    for label, curve in curves.items():
        copies[label] = seen[curve] = seen.get(curve, -1) + 1
    conditions = []
    for copy in range(1, max(copies.values(), default=0) + 1):
        group = [label for label in copies if copies[label] == copy]
        conditions.append({"test": {"field": "variant", "oneOf": group}, "value": [DASH, DASH * copy]})
    if not conditions:
        return {}
    return {"strokeDash": {"condition": conditions, "value": [1, 0]}}


def clock(seconds: float) -> tuple[float, str]:
    """Return the seconds in one unit of a time axis that is so long, and its name.

    >>> clock(90.0), clock(7200.0)
    ((1.0, 'seconds'), (60.0, 'minutes'))
    """
    units = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))
    return next(((factor, unit) for factor, unit in units if seconds >= 3 * factor and seconds > 300), (1.0, "seconds"))


def ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return the part of an axis that shows exactly these values; without a count Vega would drop every other one."""
    return {"values": list(values), "tickCount": len(values)}


def panel(title: str, **parts: Any) -> dict[str, Any]:
    """Return a picture that is as wide as its place on the page; the title is also what a screen reader says."""
    spec = {"width": "container", "height": HEIGHT, "autosize": {"type": "fit-x", "contains": "padding"}, **parts}
    return {"title": title, "description": title, **spec} if title else spec


def rounded(value: float, digits: int = 4) -> float:
    """Return a value with so many digits that matter: pages stay small, and eyes see no more."""
    return float(f"{value:.{digits}g}")


def decades(least: float, most: float) -> list[float]:
    """Return round values between two positive ones: powers of ten, and more of them the shorter the range is.

    >>> decades(0.02, 30.0), decades(0.2, 3.0), decades(0.026, 0.052)
    ([0.1, 1.0, 10.0], [0.2, 0.5, 1.0, 2.0], [0.03, 0.04, 0.05])
    """
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    found: list[float] = []
    grids: Sequence[Sequence[float]] = ((1,), (1, 2, 5), range(1, 10), [k / 5 for k in range(5, 50)])
    for steps in grids:
        whole = [float(f"{step}e{power}") for power in range(low, high + 1) for step in steps]
        found = [tick for tick in whole if least <= tick <= most]
        if len(found) > 2:
            break
    return found
