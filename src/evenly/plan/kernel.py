"""What the serving kernel must know of a layout."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    from evenly.kernel.serving.simulation import simulate

    if len({type(crew.tables.reader) for crew in found}) > 1:
        raise ValueError("beside: the router needs passes of all devices from one cost model; give the pools shares")
    kinds = tuple(_kind(part.layout, crew) for part, crew in zip(scenario.parts, found, strict=True))
    first, longest = found[0], min(crew.longest for crew in found)
    blocks = max(kind.blocks for kind in kinds)
    rules = replace(first.rules, seats=max(kind.seats for kind in kinds))
    asked = replace(policies(scenario.route, scenario.order, rules, first.tables), kinds=kinds)
    members = sum(part.layout.members for part in scenario.parts)
    told = crews(rules, min(kind.blocks for kind in kinds), longest, scenario.layout)
    rows = ROWS * len(kinds)
    return kinds, simulate(trace, told, asked, members, blocks, 0, scenario.seed, False, rows, progress)


def _kind(layout: Layout, crew: "Crew") -> "Kind":
    from evenly.kernel.serving.kinds import Kind

    tables = crew.tables
    blocks = crew.blocks - crew.rules.null_blocks
    return Kind(layout.replicas, layout.stages, layout.attention, blocks, crew.rules.seats, tables.own, tables.shared)
