"""The page of a search through the space of a scenario: the best point, and what the others give up."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from evenly.core import Metric, Outcome
from evenly.report import rows
from evenly.report.charts.front import KINDS, Point, front
from evenly.report.document import cards, document, section
from evenly.report.rows import Rows
from evenly.report.units import show
from evenly.sweep.folder import write_text
from evenly.sweep.search import Found, title

PICTURES = 3  # figures that the objective is drawn against


def write(found: Found, path: Path, *, name: str, top: int) -> None:
    """Write the page of a search at `path`, complete or not at all."""
    write_text(path, page(found, name=name, top=top))


def page(found: Found, *, name: str, top: int) -> str:
    """Return the page of a search as HTML with its first `top` points in a table; names are escaped."""
    shown = figures(found)
    point, best = found.ranked[0]
    body = cards([(one.title, show(value(best, one), one.unit), title(point)) for one in shown])
    body += rows.section(table(found, top))
    pictures = [front(_points(found, one, found.objective), one, found.objective) for one in shown[1:]]
    about = "Every point that can be; on the front are those that no other one beats in both figures."
    body += section("What has to be given up", about, [one for one in pictures if one], KINDS)
    if found.skipped:
        reasons = tuple((title(at), reason) for at, reason in found.skipped)
        body += rows.section(Rows("Points that cannot be", "", ("point", "why"), reasons))
    return document(name, f"{len(found.ranked)} points by {found.objective.title}", sentence(found), body)


def sentence(found: Found) -> str:
    """Return the best point and its lead over the next one, in words."""
    metric = found.objective
    kept = [(point, made) for point, made in found.ranked if found.keeps(made)]
    limits = " and ".join(f"{name} {side} {bound:g}" for name, side, bound in found.limits)
    if not kept:
        return f"No point keeps {limits}; {title(found.ranked[0][0])} comes closest in {metric.title}."
    first, *others = [f"{title(point)} ({show(value(made, metric), metric.unit)})" for point, made in kept]
    told = f"{metric.title} is best at {first}" + (f", among points with {limits}." if limits else ".")
    return told + (f" The next one is {others[0]}." if others else "")


def value(outcome: Outcome, metric: Metric) -> float:
    """Return a figure of a run; not a number where the run has none."""
    return outcome.metrics.get(metric.name, math.nan)


def figures(found: Found) -> list[Metric]:
    """Return the objective, what limits it, and judged figures that differ between points, of each kind the first."""
    named = {metric.name: metric for metric in found.metrics}
    chosen = [found.objective, *(named[name] for name, _, _ in found.limits)]
    for metric in found.metrics:
        values = [made.metrics.get(metric.name, 0.0) for _, made in found.ranked]  # some kinds of run lack figures
        kinds = {kind(one) for one in chosen}
        if metric.better != "neither" and kind(metric) not in kinds and any(a != b for a, b in pairwise(values)):
            chosen.append(metric)
    return list({metric.name: metric for metric in chosen}.values())[: PICTURES + 1]


def kind(metric: Metric) -> str:
    """Return what a metric measures, whatever the statistic: the mean and the tail of a time are of one kind."""
    return metric.name.partition("_")[0]


def table(found: Found, top: int) -> Rows:
    """Return the first `top` points with the figures that tell them apart."""
    shown = figures(found)
    lines = tuple(
        (title(point), *(show(value(made, one), one.unit) for one in shown)) for point, made in found.ranked[:top]
    )
    marks = tuple(k == 0 and found.keeps(made) for k, (_, made) in enumerate(found.ranked[:top]))
    return Rows("Points", "Best first.", ("point", *(one.title for one in shown)), lines, marks)


def _points(found: Found, x: Metric, y: Metric) -> list[Point]:
    made = [(value(outcome, x), value(outcome, y)) for _, outcome in found.ranked]
    signs = [-1.0 if metric.better == "higher" else 1.0 for metric in (x, y)]
    scored = [(signs[0] * a, signs[1] * b) for a, b in made]
    return [Point(title(point), *made[k], _kind(found, k, scored)) for k, (point, _) in enumerate(found.ranked)]


def _kind(found: Found, k: int, scored: Sequence[tuple[float, float]]) -> str:
    if not found.keeps(found.ranked[k][1]):
        return KINDS[3]
    if k == 0:
        return KINDS[0]
    a, b = scored[k]
    beaten = any(x <= a and y <= b and (x, y) != (a, b) for x, y in scored)
    return KINDS[2] if beaten else KINDS[1]
