"""The table of a comparison in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Metric, Outcome
from evenly.report.units import show

if TYPE_CHECKING:
    from rich.table import Table

LEAST_SPREAD = 0.0005  # a smaller spread would not change the three digits shown
TIE = 0.005  # figures within this share of the best one are marked like it


def render(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> "Table":
    """Return a rich table, one row a metric and one column a variant, the best figures in bold green."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("")
    for outcome in outcomes:
        shown.add_column(escape(outcome.label or "run"), justify="right")
    for metric in metrics:
        values = [outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes]
        marked = best(values, metric)
        texts = [escape(figure(outcome, metric)) for outcome in outcomes]
        cells = [f"[bold green]{text}[/]" if first else text for text, first in zip(texts, marked, strict=True)]
        shown.add_row(escape(metric.title), *cells)
    return shown


def figure(outcome: Outcome, metric: Metric) -> str:
    """Return a figure with its unit and, if it is the mean of several seeds, their standard deviation.

    The deviation is a percentage of the figure; of a share it is in percentage points.
    """
    value = outcome.metrics.get(metric.name, float("nan"))
    seeds = outcome.series.get("seeds", {}).get(metric.name)
    if seeds is None or len(seeds) < 2 or not np.isfinite(seeds).all():
        return show(value, metric.unit)
    spread = float(np.std(seeds, ddof=1))
    share = spread if metric.unit == "share" else spread / abs(value) if value else 0.0
    shown = show(value, metric.unit)
    if share < LEAST_SPREAD:
        return shown
    return f"{shown} ±{100 * share:.2g}{' pp' if metric.unit == 'share' else '%'}"


def best(values: Sequence[float], metric: Metric) -> list[bool]:
    """Tell which values are the best, or as good as; none if all are alike or the metric has no better side.

    >>> best([1.0, 1.001, 2.0], Metric("x", "X"))
    [True, True, False]
    >>> best([1.0, 1.001], Metric("x", "X"))
    [False, False]
    """
    known = [value for value in values if value == value]
    if metric.better == "neither" or len(known) < 2:
        return [False] * len(values)
    top = min(known) if metric.better == "lower" else max(known)
    near = [value == value and abs(value - top) <= TIE * abs(top) for value in values]
    return [False] * len(values) if all(near) else near
