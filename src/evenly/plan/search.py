"""Search the layouts of a model on a cluster for the one that serves a trace best."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from evenly.core import Trace
from evenly.core.scenario import Progress, silent
from evenly.hardware.model import model
from evenly.plan.apart import apart
from evenly.plan.candidate import Candidate, evaluate
from evenly.plan.fitting import Unfit, fitting, longest, overflown, possible, too_large
from evenly.plan.limits import Limit, keeps, named
from evenly.plan.metrics import METRICS
from evenly.plan.scenario import PlanScenario
from evenly.plan.space import divisors, heuristic, layouts, uneven

ALIKE = 0.01  # goodputs that differ by less count as equal, and the faster answer wins
FRONT = ("e2e_mean", "energy", "goodput")  # what a plan may be better in than all that are better in the others
OBJECTIVES = {"goodput": "goodput", "latency": "e2e_mean", "energy": "energy", "cost": "cost"}
Form = Literal["uneven", "apart"]  # plans beside the published space: unequal stages; prompts and decodes apart
FORMS: tuple[Form, ...] = get_args(Form)
BETTER = {metric.name: metric.better for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Flip:
    """A rate at which another plan becomes the best."""

    rate: float
    "Requests a second, the middle of the interval below."
    low: float
    high: float
    "The best plan changes somewhere between these rates."
    before: str
    "Title of the best plan below."
    after: str
    "Title of the best plan above."


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a search found."""

    objective: str
    "Name of the metric that decides."
    limits: tuple[Limit, ...]
    candidates: tuple[Candidate, ...]
    "Every plan that was scored, best first; those that break a limit come last."
    unfit: tuple[Unfit, ...]
    "Layouts that cannot hold the model and the longest request."
    heuristic: Candidate | None
    """Tensor parallel inside a machine, a pipeline across machines, and of several kinds of devices one copy on each;
    `None` if that does not fit."""
    front: tuple[Candidate, ...]
    "Plans that no other one beats in answer time, energy and goodput at once."
    rate: float
    "Requests a second of the trace; infinite if all of them come at once."
    flips: tuple[Flip, ...] = ()
    facts: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def winner(self) -> Candidate:
        """Return the best plan."""
        return self.candidates[0]

    def kept(self, candidate: Candidate) -> bool:
        """Tell whether a plan keeps all limits."""
        return keeps(candidate.figures, self.limits)


def search(
    base: PlanScenario,
    devices: int,
    trace: Trace,
    objective: str = "goodput",
    limits: Sequence[Limit] = (),
    jobs: int = 1,
    progress: Progress = silent,
    forms: Collection[Form] = (),
) -> Plan:
    """Score every layout of the model of `base` on `devices` devices, and on fewer where the objective counts devices.

    `forms` adds plans that the published space has not: stages of unequal layers, prompts and decodes apart.

    Raises `ValueError` if no layout holds the model and the longest request of the trace, saying how much memory is
    missing, and for an objective or limit that is no metric.
    """
    name = metric(objective)
    for limited, _, _ in limits:
        metric(limited)
    counts = divisors(devices) if name in ("energy", "cost") else [devices]
    found = [layout for count in counts for layout in layouts(model(base.model), count, base.node)]
    if "uneven" in forms:
        found += [layout for count in counts for layout in uneven(model(base.model), count, base.node)]
    fit, unfit = fitting(base, found, longest(trace))
    if not fit:
        raise ValueError(too_large(base, devices, unfit))
    tried = [base.with_layout(layout) for layout in fit]
    if "apart" in forms and trace.after is None and trace.output.max() > 1:
        tried += [plan for count in counts for plan in apart(base, count, trace)]
    scored = scores(tried, trace, jobs, progress)
    unfit += [overflown(one) for one in scored if not possible(one)]
    scored = [one for one in scored if possible(one)]
    usual = heuristic(model(base.model), devices, base.node)
    return Plan(
        objective=name,
        limits=tuple(limits),
        candidates=tuple(ranked(scored, name, limits)),
        unfit=tuple(unfit),
        heuristic=next((one for one in scored if one.scenario == base.with_layout(usual)), None),
        front=tuple(front(scored, FRONT)),
        rate=rate_of(trace),
        facts=facts(base, devices),
    )


def scores(
    scenarios: Sequence[PlanScenario], trace: Trace, jobs: int = 1, progress: Progress = silent
) -> list[Candidate]:
    """Return the candidates of scenarios that fit, in their order; `jobs` processes share the work."""
    progress(0, len(scenarios))
    made = []
    for candidate in _all(scenarios, trace, jobs):
        made.append(candidate)
        progress(len(made), len(scenarios))
    return made


def ranked(candidates: Iterable[Candidate], objective: str, limits: Sequence[Limit] = ()) -> list[Candidate]:
    """Return candidates best first; those that break a limit come after all others.

    Goodputs that differ by less than 1% of the best count as equal. Among equals the mean answer decides, then titles.
    """
    given = list(candidates)
    sign = -1.0 if BETTER[objective] == "higher" else 1.0
    best = max((one.figures[objective] for one in given if keeps(one.figures, limits)), default=1.0)

    def key(one: Candidate) -> tuple[bool, bool, float, float, str]:
        value = one.figures[objective]
        alike = objective == "goodput" and best - value <= ALIKE * best
        return (
            not keeps(one.figures, limits),
            value != value,
            sign * (best if alike else value),
            one.figures["e2e_mean"],
            one.title,
        )

    return sorted(given, key=key)


def front(candidates: Sequence[Candidate], names: Sequence[str]) -> list[Candidate]:
    """Return the candidates that no other one equals or beats in all of the metrics, better in one of them at least."""
    signs = [-1.0 if BETTER[name] == "higher" else 1.0 for name in names]
    points = [tuple(s * one.figures[n] for s, n in zip(signs, names, strict=True)) for one in candidates]

    def beaten(mine: tuple[float, ...]) -> bool:
        return any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in points)

    return [one for one, point in zip(candidates, points, strict=True) if point == point and not beaten(point)]


def metric(name: str) -> str:
    """Return the metric that an objective stands for; raise `ValueError` with a suggestion if there is none."""
    return named(OBJECTIVES.get(name, name), METRICS).name


def rate_of(trace: Trace) -> float:
    """Return requests a second; infinite if all of them come at once."""
    return (len(trace) - 1) / trace.span if trace.span > 0 else float("inf")


def facts(base: PlanScenario, devices: int) -> dict[str, str | int | float]:
    """Return what a search assumes."""
    return {
        "model": base.model,
        "devices": f"{devices} x {base.device}, {base.node} a machine",
        "slo": str(base.slo),
        "price of a device-hour": base.price,
        **base.assumed(),
    }


def _all(scenarios: Sequence[PlanScenario], trace: Trace, jobs: int) -> Iterable[Candidate]:
    if jobs == 1 or len(scenarios) == 1:
        return (evaluate(scenario, trace) for scenario in scenarios)
    from joblib import Parallel, delayed

    call: Callable[..., Any] = delayed(evaluate)
    made: Iterable[Candidate] = Parallel(n_jobs=jobs, return_as="generator", batch_size="auto")(
        call(scenario, trace) for scenario in scenarios
    )
    return made


def at_rate(trace: Trace, factor: float) -> Trace:
    """Return the trace with every arrival `factor` times as soon.

    >>> import numpy as np
    >>> at_rate(Trace(np.array([0.0, 4.0]), np.ones(2, int), np.ones(2, int)), 2.0).arrival
    array([0., 2.])
    """
    pause = trace.pause / factor if trace.pause is not None else None
    return replace(trace, arrival=trace.arrival / factor, pause=pause)


def at_once(trace: Trace) -> Trace:
    """Return the trace with all requests there from the start.

    >>> import numpy as np
    >>> at_once(Trace(np.array([3.0, 4.0]), np.ones(2, int), np.ones(2, int))).arrival
    array([0., 0.])
    """
    return replace(trace, arrival=np.zeros(len(trace)))
