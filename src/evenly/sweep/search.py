"""Search the space of a scenario for the point that is best in one metric and keeps limits on others."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenly.core import Document, Metric, Outcome
from evenly.core.document import told
from evenly.core.scenario import Progress, silent
from evenly.plan.limits import Limit, keeps, named
from evenly.sweep.scenarios import kind_of, scenario_of

MOST = 10_000  # points of a search


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search over a space found."""

    objective: Metric
    metrics: tuple[Metric, ...]
    "All figures of the scenario's kind."
    limits: tuple[Limit, ...]
    ranked: tuple[tuple[Mapping[str, Any], Outcome], ...]
    "Points with their outcomes, best first; those that break a limit come last."
    skipped: tuple[tuple[Mapping[str, Any], str], ...]
    "Points that cannot be, with the reason."

    def keeps(self, outcome: Outcome) -> bool:
        """Tell whether an outcome keeps all limits."""
        return keeps(outcome.metrics, self.limits)


def search(
    document: Document,
    objective: str,
    limits: Sequence[Limit] = (),
    over: Mapping[str, Iterable[Any]] | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Found:
    """Run every point of `over`, or of the space that the scenario's kind declares, and rank them.

    Raises `ValueError` for a kind without space, an unknown metric, a search of more than 10,000 points, and if no
    point can be run.
    """
    kind = kind_of(document)
    metric = named(objective, kind.metrics)
    for name, _, _ in limits:
        named(name, kind.metrics)
    axes = {path: tuple(values) for path, values in (over or kind.space).items()}
    if not axes:
        raise ValueError(f"{document.source}: kind '{kind.kind}' declares no space; say one with --over path=a,b,c")
    if (count := math.prod(map(len, axes.values()))) > MOST:
        raise ValueError(f"a search has at most {MOST:,} points, not {count:,}; give shorter axes with --over")
    base = next(iter(document.variants().values()))
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    done: list[tuple[Mapping[str, Any], Outcome]] = []
    skipped: list[tuple[Mapping[str, Any], str]] = []
    for number, (point, made) in enumerate(zip(points, _all(base, points, jobs), strict=True), 1):
        if isinstance(made, str):
            skipped.append((point, made))
        else:
            done.append((point, made))
        progress(number, len(points))
    if not done:
        raise ValueError(f"{document.source}: none of {len(points)} points can be run; the first: {skipped[0][1]}")
    sign = -1.0 if metric.better == "higher" else 1.0

    def key(entry: tuple[Mapping[str, Any], Outcome]) -> tuple[bool, bool, float]:
        value = entry[1].metrics.get(metric.name, math.nan)
        return not keeps(entry[1].metrics, limits), value != value, sign * value

    return Found(metric, kind.metrics, tuple(limits), tuple(sorted(done, key=key)), tuple(skipped))


def title(point: Mapping[str, Any]) -> str:
    """Return a point in one line.

    >>> title({"replicas": 2, "route": {"use": "power-of-d", "d": 3}})
    'replicas=2 route=power-of-d (d 3)'
    """
    return " ".join(f"{path}={told(value)}" for path, value in point.items())


def _all(base: Document, points: Sequence[Mapping[str, Any]], jobs: int) -> Iterable[Outcome | str]:
    if jobs == 1:
        return (_tried(base, point) for point in points)
    from joblib import Parallel, delayed

    call: Callable[..., Any] = delayed(_tried)
    made: Iterable[Outcome | str] = Parallel(n_jobs=jobs, return_as="generator")(call(base, point) for point in points)
    return made


def _tried(base: Document, point: Mapping[str, Any]) -> Outcome | str:
    """Return the outcome of a point, or why it cannot be."""
    document = base
    for path, value in point.items():
        document = document.replace(path, value)
    try:
        return scenario_of(document.replace("name", title(point))).run()
    except ValueError as error:
        return str(error)
