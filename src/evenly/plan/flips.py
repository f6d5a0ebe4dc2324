"""At which rate another plan becomes the best."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from evenly.core import Trace
from evenly.core.scenario import Progress, silent
from evenly.plan.candidate import Candidate
from evenly.plan.fitting import possible
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import Flip, Plan, at_rate, ranked, scores

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of the trace's rate
HALVINGS = 3  # of the interval in which the best plan changes
RIVALS = 4  # plans that are compared at each rate


def with_flips(plan: Plan, trace: Trace, jobs: int = 1, progress: Progress = silent, rivals: int = RIVALS) -> Plan:
    """Return the plan with the rates at which the best of its leading layouts changes.

    Compared are the best plans at the trace's own rate and those that are best at a quarter and at eight times it. No
    flips are looked for where all requests come at once.
    """
    if trace.span <= 0 or len(plan.candidates) < 2:
        return plan
    scenarios = _rivals(plan, rivals)
    todo = len(FACTORS) * len(scenarios)
    best: dict[float, Candidate] = {}
    for count, factor in enumerate(FACTORS):
        best[factor] = _best(plan, scenarios, trace, factor, jobs)
        progress((count + 1) * len(scenarios), todo)
    for _ in range(HALVINGS):
        for low, high in _changes(best):
            middle = (low * high) ** 0.5
            best[middle] = _best(plan, scenarios, trace, middle, jobs)
    flips = tuple(
        Flip((low * high) ** 0.5 * plan.rate, low * plan.rate, high * plan.rate, best[low].title, best[high].title)
        for low, high in _changes(best)
    )
    return replace(plan, flips=flips)


def _rivals(plan: Plan, count: int) -> list[PlanScenario]:
    """Return the leading plans, the usual rule, and the one with most tokens a second, each layout once."""
    chosen = list(plan.candidates[:count])
    chosen += [plan.heuristic] if plan.heuristic else []
    chosen.append(max(plan.candidates, key=lambda one: one.context))
    chosen.append(min(plan.candidates, key=lambda one: one.figures["tpot_mean"]))
    return [one.scenario for one in {one.title: one for one in chosen}.values()]


def _best(plan: Plan, scenarios: Sequence[PlanScenario], trace: Trace, factor: float, jobs: int) -> Candidate:
    scored = scores(scenarios, at_rate(trace, factor), jobs)
    return ranked([one for one in scored if possible(one)] or scored, plan.objective, plan.limits)[0]


def _changes(best: dict[float, Candidate]) -> list[tuple[float, float]]:
    """Return neighbouring factors whose best plans differ."""
    rising = sorted(best)
    return [(low, high) for low, high in pairwise(rising) if best[low].title != best[high].title]
