"""Workflows: functions that call each other, one after the other."""

from dataclasses import dataclass

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.cold_times import ColdTimes, pooled
from evenly.cluster.functions.joint_distribution import joint_distribution
from evenly.cluster.functions.published import invert, tables
from evenly.core import Floats, Ints

DAY = 86_400.0
TRIGGER = "workflow-S"


@dataclass(frozen=True, slots=True)
class Workflows:
    """Workflows whose steps are functions of their own: when one ends, the next is called, or the workflow is over.

    First steps are called by chance, as often as functions of region R2; durations, runtimes and cold starts are those
    published for workflows there. How long workflows are and how they end was not published: that is ours.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025.
    """

    workflows: int = 100
    "Number of workflows."
    steps: int = 5
    "Functions of each; an assumption."
    goes_on: float = 0.9
    "Share of the calls of a step that call the next; an assumption."
    pause: float = 0.05
    "Seconds from the end of a step to the call of the next; an assumption."
    busiest: float = 2_000.0
    "Runs a day of a workflow at most."
    hours: float = 48.0
    "Length of the workload."

    def __post_init__(self) -> None:
        for name in ("workflows", "steps"):
            if not 1 <= getattr(self, name) <= 100_000:
                raise ValueError(f"{name} is 1 to 100,000, not {getattr(self, name)}")
        if not 0 <= self.goes_on <= 1:
            raise ValueError(f"goes_on is a share from 0 to 1, not {self.goes_on}")
        if not 0 <= self.pause < float("inf"):
            raise ValueError(f"pause is at least 0 seconds and finite, not {self.pause}")
        for name in ("busiest", "hours"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is positive and finite, not {getattr(self, name)}")

    def draw(self, seed: int) -> Calls:
        """Return the first calls in order of arrival, and behind them those that they lead to."""
        chance = np.random.default_rng([seed, 43])
        levels = tables()["levels"]["others"]
        functions = self._functions(chance)
        rate = np.minimum(invert(levels, tables()["requests_a_day"]["R2"], chance.random(self.workflows)), self.busiest)
        lasting = invert(levels, tables()["execution"]["R2"], chance.random(len(functions)))
        span = self.hours * 3600.0
        flow = np.repeat(np.arange(self.workflows), chance.poisson(rate * span / DAY))
        begin = chance.random(len(flow)) * span
        order = np.argsort(begin, kind="stable")
        function, parent = self._steps(flow[order], chance)
        arrival = np.full(len(function), np.nan)
        arrival[: len(flow)] = begin[order]
        pair = functions.runtime[function], functions.trigger[function]
        parts, ahead = (ColdTimes("R2").draw(*pair, np.random.default_rng([seed, salt])) for salt in (44, 45))
        origin = f"{self.workflows} workflows of {self.steps} steps, {self.hours:g} h"
        after = np.full(len(function), self.pause)
        return Calls(
            functions, function, arrival, lasting[function], parts, ahead, span, origin, parent=parent, after=after
        )

    def _steps(self, flow: Ints, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return function and parent of all calls, step after step."""
        function, parent = [flow * self.steps], [np.full(len(flow), -1)]
        this, first = np.arange(len(flow)), len(flow)
        for _ in range(self.steps - 1):
            on = chance.random(len(this)) < self.goes_on
            function.append(function[-1][on] + 1)
            parent.append(this[on])
            this = first + np.arange(int(on.sum()))
            first += len(this)
        return np.concatenate(function), np.concatenate(parent)

    def _functions(self, chance: np.random.Generator) -> Functions:
        """Return the functions of all workflows, those of one side by side."""
        names, count = tuple(tables()["triggers"]), self.workflows * self.steps
        trigger: Ints = np.full(count, names.index(TRIGGER))
        odds: Floats = joint_distribution().functions[:, names.index(TRIGGER)]
        runtime: Ints = chance.choice(len(odds), count, p=odds / odds.sum())
        size: Ints = np.zeros(count, np.int64)
        lead = ColdTimes("R2").lead(runtime, trigger)
        sizes = tuple(tables()["sizes"])
        return Functions(trigger, runtime, size, pooled(runtime), lead, names, tuple(tables()["runtimes"]), sizes)
