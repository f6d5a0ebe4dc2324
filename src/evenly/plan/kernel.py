"""What the serving kernel must know of a layout."""

from typing import Any

from evenly.plan.cost import Tables
from evenly.plan.layout import Layout
from evenly.serve.admissions.always import Always
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.engines import Rules
from evenly.serve.numbers import numbers
from evenly.serve.orders import Order
from evenly.serve.retentions.never import Never
from evenly.serve.routers import Router
from evenly.serve.victims.last import Last


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
