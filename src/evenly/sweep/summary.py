"""Put the seeds of a variant together."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.sweep.plan import Cell


def merge(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for each variant and point: mean figures over its seeds, the rest of its first seed."""
    groups: dict[str, list[Outcome]] = {}
    for cell, outcome in zip(cells, outcomes, strict=True):
        groups.setdefault(title(cell), []).append(outcome)
    return [_mean(label, group) for label, group in groups.items()]


def title(cell: Cell) -> str:
    """Return what tells a cell from those of other variants and points.

    >>> from evenly.core import Document
    >>> title(Cell("fast", {"trace.rate": 2.0}, 0, Document({})))
    'fast trace.rate=2.0'
    """
    return " ".join([cell.label, *(f"{path}={value}" for path, value in cell.point.items())]).strip()


def rows(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one plain row a run: label, seed, point, metrics, facts; missing figures are null."""
    return [
        {
            "label": cell.label,
            "seed": cell.seed,
            "point": dict(cell.point),
            "metrics": {name: v if math.isfinite(v) else None for name, v in outcome.metrics.items()},
            "facts": dict(outcome.facts),
        }
        for cell, outcome in zip(cells, outcomes, strict=True)
    ]


def _mean(label: str, group: list[Outcome]) -> Outcome:
    metrics = {name: float(np.mean([outcome.metrics[name] for outcome in group])) for name in group[0].metrics}
    facts = dict(group[0].facts)
    series = dict(group[0].series)
    if len(group) > 1:
        facts["seeds"] = len(group)
        series["seeds"] = {name: np.array([outcome.metrics[name] for outcome in group]) for name in metrics}
    return replace(group[0], label=label, metrics=metrics, series=series, facts=facts)
