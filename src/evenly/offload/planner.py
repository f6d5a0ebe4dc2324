"""Plan one layer: the interface for engines that schedule experts themselves."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Bools, Floats, Ints
from evenly.kernel.offload import records
from evenly.kernel.offload.simulation import hook
from evenly.offload.costs import Costs
from evenly.offload.schedulers import Scheduler
from evenly.offload.schedulers.hybrid import Hybrid


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Who computes which experts of a layer, and in which order."""

    cpu: Ints
    "Experts that the CPU computes, in this order."
    device: Ints
    "Experts that the device computes, in this order."
    moved: Ints
    "Experts that the link brings, in this order."
    makespan: float
    "Seconds until both sides have ended."
    table: Floats
    "One row an expert, columns of `evenly.kernel.offload.records`: side, begin, end, sent, ready."


@dataclass(frozen=True, slots=True)
class HybridScheduler:
    """Plan layers from a cost model, by the rule of HybriMoE or any other scheduler.

    >>> plan = HybridScheduler().plan(np.array([1, 1, 1, 0]), np.array([True, False, False, False]), Costs())
    >>> plan.device, plan.cpu, plan.moved, round(plan.makespan, 5)
    (array([0, 1]), array([2]), array([1]), 0.00159)
    """

    scheduler: Scheduler = field(default_factory=Hybrid)
    "The rule."

    def plan(
        self, loads: Ints, cached: Bools, costs: Costs, ready: Floats | None = None, link: float = 0.0
    ) -> Assignment:
        """Return who computes what.

        `loads[e]` are the tokens of expert e, 0 if nobody asks for it; `cached[e]` tells whether it is on the device.
        `ready[e]` are the seconds until an expert comes that is on its way (infinite: it is not), `link` those until
        the link is free. Raises `ValueError` for loads below 0 and for lengths that differ.
        """
        tokens = np.ascontiguousarray(loads, np.int64)
        if tokens.ndim != 1 or np.shape(cached) != tokens.shape or (ready is not None and ready.shape != tokens.shape):
            raise ValueError(f"loads and cached have one entry an expert, not {tokens.shape} and {np.shape(cached)}")
        if tokens.min(initial=0) < 0:
            raise ValueError(f"a load is at least 0 tokens, not {tokens.min()}")
        coming = np.full(len(tokens), np.inf) if ready is None else ready
        there = np.where(cached, 0.0, coming)
        table = np.empty((len(tokens), records.COLUMNS))
        assign = hook(self.scheduler, "assign", records.ASSIGN)
        makespan = float(assign(tokens, there, float(link), costs.array(), table))
        return Assignment(
            _ordered(table, records.BEGIN, table[:, records.SIDE] == records.CPU),
            _ordered(table, records.BEGIN, table[:, records.SIDE] == records.DEVICE),
            _ordered(table, records.SENT, ~np.isnan(table[:, records.SENT])),
            makespan,
            table,
        )


def _ordered(table: Floats, column: int, chosen: Bools) -> Ints:
    """Return the chosen rows in the order of a column."""
    rows = np.flatnonzero(chosen)
    return np.asarray(rows[np.argsort(table[rows, column], kind="stable")], np.int64)
