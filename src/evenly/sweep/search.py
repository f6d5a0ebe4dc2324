"""Search the space of a scenario for the point that is best in one metric and keeps limits on others."""

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evenly.core import Document, Metric, Outcome
from evenly.core.scenario import Progress, silent
from evenly.sweep.scenarios import kind_of, scenario_of

MOST = 10_000  # points of a search
LIMIT = re.compile(r"\s*([A-Za-z_0-9]+)\s*(<=|>=)\s*(\S+)\s*$")
Side = Literal["<=", ">="]
Limit = tuple[str, Side, float]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search over a space found."""

    objective: Metric
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
        value = entry[1].metrics[metric.name]
        return not keeps(entry[1].metrics, limits), value != value, sign * value

    return Found(metric, tuple(limits), tuple(sorted(done, key=key)), tuple(skipped))


def limit(text: str) -> Limit:
    """Read a limit.

    Raises `ValueError` unless it is `METRIC<=NUMBER` or `METRIC>=NUMBER`, and for an upper limit that nothing can keep.

    >>> limit("tpot_mean<=0.05")
    ('tpot_mean', '<=', 0.05)
    """
    found = LIMIT.match(text)
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
    return all(figures[name] <= bound if side == "<=" else figures[name] >= bound for name, side, bound in limits)


def named(name: str, metrics: Sequence[Metric]) -> Metric:
    """Return a metric that can be judged; raise `ValueError` with a suggestion if there is none of that name."""
    judged = {metric.name: metric for metric in metrics if metric.better != "neither"}
    if name in judged:
        return judged[name]
    near = difflib.get_close_matches(name, judged, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(judged)}"
    raise ValueError(f"no objective or limit '{name}'; {hint}")


def title(point: Mapping[str, Any]) -> str:
    """Return a point in one line.

    >>> title({"replicas": 2, "route": {"use": "power-of-d", "d": 3}})
    'replicas=2 route=power-of-d'
    """
    return " ".join(f"{path}={v.get('use', v) if isinstance(v, Mapping) else v}" for path, v in point.items())


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
