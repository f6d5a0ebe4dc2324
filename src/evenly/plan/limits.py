"""Objectives and limits: which metric decides, and what the others have to keep."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from evenly.core import Metric
from evenly.core.meant import meant

WRITTEN = re.compile(r"\s*([A-Za-z_0-9]+)\s*(<=|>=)\s*(\S+)\s*$")
Limit = tuple[str, Literal["<=", ">="], float]
"""A metric, the side on which it has to stay, and the bound."""


def limit(text: str) -> Limit:
    """Read a limit.

    Raises `ValueError` unless it is `METRIC<=NUMBER` or `METRIC>=NUMBER`, and for an upper limit that nothing can keep.

    >>> limit("tpot_mean<=0.05")
    ('tpot_mean', '<=', 0.05)
    """
    found = WRITTEN.match(text)
    try:
        bound = float(found[3]) if found else float("nan")
    except ValueError:
        bound = float("nan")
    if found is None or bound != bound:
        raise ValueError(f"write a limit as METRIC<=NUMBER or METRIC>=NUMBER, not '{text}'")
    if found[2] == "<=" and bound <= 0:
        raise ValueError(f"--limit {text}: nothing is below {bound:g}; give a limit above 0")
    return found[1], "<=" if found[2] == "<=" else ">=", bound


def together(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Return limits; raise `ValueError` if two of them contradict each other.

    >>> together([("cost", "<=", 1.0), ("cost", ">=", 2.0)])
    Traceback (most recent call last):
    ValueError: no plan has cost >= 2 and cost <= 1; change one of them
    """
    for name, side, low in limits:
        for other, against, high in limits:
            if name == other and side == ">=" and against == "<=" and low > high:
                raise ValueError(f"no plan has {name} >= {low:g} and {name} <= {high:g}; change one of them")
    return tuple(limits)


def keeps(figures: Mapping[str, float], limits: Sequence[Limit]) -> bool:
    """Tell whether figures keep all limits; a figure without value keeps none."""
    known = [(figures.get(name, math.nan), side, bound) for name, side, bound in limits]
    return all(value <= bound if side == "<=" else value >= bound for value, side, bound in known)


def named(name: str, metrics: Sequence[Metric]) -> Metric:
    """Return a metric that can be judged; raise `ValueError` with a suggestion if there is none of that name."""
    judged = {metric.name: metric for metric in metrics if metric.better != "neither"}
    if name in judged:
        return judged[name]
    raise ValueError(f"no objective or limit '{name}'; {meant(name, judged)}")
