"""What the serving kernel must know of a layout."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Trace
from evenly.core.scenario import Progress
from evenly.plan.cost import Tables
from evenly.plan.layout import Layout
from evenly.plan.spent import ROWS
from evenly.serve.admissions.always import Always
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.engines import Rules
from evenly.serve.numbers import numbers
from evenly.serve.orders import Order
from evenly.serve.retentions.never import Never
from evenly.serve.routers import Router
from evenly.serve.victims.last import Last

if TYPE_CHECKING:
    from evenly.kernel.serving.kinds import Kind
    from evenly.plan.scenario import Crew, PlanScenario


def policies(route: Router, order: Order, rules: Rules, tables: Tables) -> Any:
    """Return the kernel's policies: a router over crews, microbatches and ranks, and an order for each of them."""
    from evenly.kernel.serving.simulation import Policies

    return Policies(
        route=route,
        order=order,
        budget=Fixed(rules.budget),
        admit=Always(),
        evict=Last(),
        retain=Never(),
        cost=tables.reader,
        tables=tables.own,
        shared=tables.shared,
    )


def crews(rules: Rules, blocks: int, longest: int, layout: Layout) -> dict[str, int | float]:
    """Return the kernel's rules for members of `blocks` blocks that keep step within each copy of the model."""
    return numbers(rules, blocks, longest) | {
        "by_rank": 0,
        "usurp": 0,
        "swap_seconds": 0.0,
        "slowdown": 1.0,
        "hits": 0,
        "flows": 0,
        "retain": 0,
        "learns": 0,
        "crews": layout.replicas,
        "stages": layout.stages,
    }


def run_kinds(
    scenario: "PlanScenario", found: "Sequence[Crew]", trace: Trace, progress: Progress
) -> "tuple[tuple[Kind, ...], Any]":
    """Serve a trace on all devices of a scenario under one router; return the kinds of engines and the kernel's run.

    `found` are the crews of its parts. Raises `ValueError` if their passes are timed in unlike ways.
    """
    if len({type(crew.tables.reader) for crew in found}) > 1:
        raise ValueError("beside: the router needs passes of all devices from one cost model; give the pools shares")
    kinds = tuple(_kind(part.layout, crew) for part, crew in zip(scenario.parts, found, strict=True))
    return kinds, _run(scenario, kinds, found, trace, {}, progress)


def run_apart(
    scenario: "PlanScenario",
    sides: "Sequence[PlanScenario]",
    found: "Sequence[Crew]",
    trace: Trace,
    progress: Progress,
) -> "tuple[tuple[Kind, ...], Any]":
    """Serve prompts on the first side and what follows on the second; return the kinds of engines and the kernel's run.

    Its requests are the prompts of all requests, then the rest of those that have a second token.
    """
    from evenly.plan.groups import hand_over

    prompts, decodes = (_kind(side.layout, crew) for side, crew in zip(sides, found, strict=True))
    kinds = (prompts, replace(decodes, carried=True))
    wait, each = hand_over(scenario, sides[0].layout)
    rules = {"cache": 0, "apart": prompts.crews * prompts.mates, "link_wait": wait, "link_seconds": each}
    return kinds, _run(scenario, kinds, found, halves(trace), rules, progress)


def halves(trace: Trace) -> Trace:
    """Return all requests with their first token alone, then the rest of those that have more, each after its first.

    >>> from evenly.core import Trace
    >>> made = halves(Trace(np.array([0.0, 1.0]), np.array([9, 7]), np.array([1, 5])))
    >>> made.prompt.tolist(), made.output.tolist(), made.after.tolist()
    ([9, 7, 8], [1, 1, 4], [-1, -1, 1])
    """
    more = np.flatnonzero(trace.output > 1)
    last = np.full(len(more), trace.arrival.max(initial=0.0))
    return Trace(
        arrival=np.append(trace.arrival, last),
        prompt=np.append(trace.prompt, trace.prompt[more] + 1),
        output=np.append(np.ones_like(trace.output), trace.output[more] - 1),
        priority=None if trace.priority is None else np.append(trace.priority, trace.priority[more]),
        after=np.append(np.full(len(trace), -1), more),
        pause=np.zeros(len(trace) + len(more)),
    )


def _run(
    scenario: "PlanScenario",
    kinds: "tuple[Kind, ...]",
    found: "Sequence[Crew]",
    trace: Trace,
    more: dict[str, int | float],
    progress: Progress,
) -> Any:
    """Serve a trace on engines of several kinds; `more` are further rules."""
    from evenly.kernel.serving.simulation import simulate

    rules = replace(found[0].rules, seats=max(kind.seats for kind in kinds))
    asked = replace(policies(scenario.route, scenario.order, rules, found[0].tables), kinds=kinds)
    least, most = (chosen(kind.blocks for kind in kinds) for chosen in (min, max))
    told = crews(rules, least, min(crew.longest for crew in found), scenario.layout) | more
    members = sum(kind.crews * kind.mates for kind in kinds)
    rows = ROWS * len(kinds)
    return simulate(trace, told, asked, members, most, 0, scenario.seed, False, rows, progress)


def _kind(layout: Layout, crew: "Crew") -> "Kind":
    from evenly.kernel.serving.kinds import Kind

    tables = crew.tables
    blocks = crew.blocks - crew.rules.null_blocks
    return Kind(layout.replicas, layout.stages, layout.attention, blocks, crew.rules.seats, tables.own, tables.shared)
