"""How all charts look, light and dark."""

import math
from collections.abc import Sequence
from typing import Any

# Okabe and Ito, "Color universal design", 2008: told apart with any colour vision. Black and yellow, which vanish on
# one of the two backgrounds, are replaced by grey and brown; the dark palette has the same hues, lighter.
LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a6d3b", "#7f8790")
DARK = ("#4ba6e0", "#f2b134", "#2ec79b", "#e39cc6", "#ff8b4d", "#9bd7f7", "#c9a66b", "#aab4bf")
HEIGHT = 190
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


def panel(title: str, **parts: Any) -> dict[str, Any]:
    """Return a picture that is as wide as its place on the page."""
    spec = {"width": "container", "height": HEIGHT, "autosize": {"type": "fit-x", "contains": "padding"}, **parts}
    return {"title": title, **spec} if title else spec


def rounded(value: float, digits: int = 4) -> float:
    """Return a value with so many digits that matter: pages stay small, and eyes see no more."""
    return float(f"{value:.{digits}g}")


def decades(least: float, most: float) -> list[float]:
    """Return the powers of ten between two positive values, with 2 and 5 in between where the range is short.

    >>> decades(0.02, 30.0), decades(0.2, 3.0)
    ([0.1, 1.0, 10.0], [0.2, 0.5, 1.0, 2.0])
    """
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    steps = (1,) if high - low > 3 else (1, 2, 5)
    ticks = [float(f"{step}e{power}") for power in range(low, high + 1) for step in steps]
    return [tick for tick in ticks if least <= tick <= most]
