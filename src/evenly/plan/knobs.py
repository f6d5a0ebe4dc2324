"""Limits of a batch and clocks, tried on the best layouts."""

from dataclasses import replace
from itertools import product

from evenly.core import Trace
from evenly.core.scenario import Progress, silent
from evenly.plan.candidate import tuned
from evenly.plan.fitting import possible
from evenly.plan.search import FRONT, Plan, front, ranked, scores
from evenly.serve.engines.vllm_v1 import VllmV1

LEADERS = 3  # layouts on which knobs are tried
SEATS = (64, 256, 1024)
BUDGETS = (256, 512, 2048, 8192)  # tokens of a pass
CLOCKS = (1.0, 0.85, 0.7, 0.55, 0.41)  # the last is the published low clock, 810 of 1,980 MHz


def with_knobs(plan: Plan, trace: Trace, jobs: int = 1, progress: Progress = silent) -> Plan:
    """Return the plan with other batch limits and lower clocks tried on its best layouts, all of them ranked anew.

    Limits of a batch are those of vLLM; another engine keeps its own.
    """
    limits = {(one.seats, one.budget) for one in plan.candidates}
    others = [(seats, budget) for seats, budget in product(SEATS, BUDGETS) if seats <= budget]
    others = [pair for pair in others if pair not in limits]
    made = []
    for leader in plan.candidates[:LEADERS]:
        laid = leader.scenario
        if isinstance(laid.engine, VllmV1):
            made += [tuned(laid, seats, budget) for seats, budget in others]
        made += [replace(laid, clock=clock) for clock in CLOCKS if clock < 1.0]
    both = [*plan.candidates, *filter(possible, scores(made, trace, jobs, progress))]
    return replace(plan, candidates=tuple(ranked(both, plan.objective, plan.limits)), front=tuple(front(both, FRONT)))
