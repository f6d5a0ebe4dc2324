"""Put the seeds of a variant together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.sweep.plan import Cell, titles


def merge(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for each variant and point: mean figures over its seeds, the rest of its first seed."""
    groups: dict[str, list[Outcome]] = {}
    for title, outcome in zip(titles(cells), outcomes, strict=True):
        groups.setdefault(title, []).append(outcome)
    return [_mean(label, group) for label, group in groups.items()]


def rows(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one plain row a run: label, seed, point, folder, metrics, facts; missing figures are null."""
    return [
        {
            "label": cell.label,
            "seed": cell.seed,
            "point": dict(cell.point),
            "folder": cell.folder,
            "metrics": plain(outcome.metrics),
            "facts": plain(outcome.facts),
        }
        for cell, outcome in zip(cells, outcomes, strict=True)
    ]


def plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures that JSON can hold.

    >>> plain({"a": 1.5, "b": math.nan})
    {'a': 1.5, 'b': None}
    """
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in figures.items()}


def _mean(label: str, group: list[Outcome]) -> Outcome:
    metrics = {name: float(np.mean([outcome.metrics[name] for outcome in group])) for name in group[0].metrics}
    facts = dict(group[0].facts)
    series = dict(group[0].series)
    if len(group) > 1:
        facts["seeds"] = len(group)
        series["seeds"] = {name: np.array([outcome.metrics[name] for outcome in group]) for name in metrics}
    return replace(group[0], label=label, metrics=metrics, series=series, facts=facts)
