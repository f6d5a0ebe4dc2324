"""How all charts look, light and dark."""

from typing import Any

# Okabe and Ito, "Color universal design", 2008: told apart with any colour vision; black is replaced by the ink.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#8c8c8c")


def config(ink: str, faint: str) -> dict[str, Any]:
    """Return a Vega-Lite configuration with text in `ink` and grid lines in `faint`."""
    axis = {
        "labelColor": ink,
        "titleColor": ink,
        "gridColor": faint,
        "domainColor": faint,
        "tickColor": faint,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    return {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": axis,
        "legend": {"labelColor": ink, "titleColor": ink, "orient": "top", "title": None, "labelFontSize": 12},
        "title": {"color": ink, "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 8},
        "header": {"labelColor": ink, "titleColor": ink},
        "range": {"category": list(COLOURS)},
        "line": {"strokeWidth": 2},
    }


def hue(labels: list[str]) -> dict[str, Any]:
    """Return the colour channel of the variants, in their order."""
    return {"field": "variant", "type": "nominal", "scale": {"domain": labels}, "legend": {"title": None}}
