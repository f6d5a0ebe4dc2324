"""The records that policies see, kept by a real platform as the simulator's loop keeps them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats
from evenly.kernel.bridge import is_compiled, memory_of
from evenly.kernel.functions.records import HISTORY, STEPS
from evenly.kernel.functions.simulation import Work


@dataclass(slots=True, eq=False)
class Asked:
    """A keep-alive, a delay and a chain, and what they are asked about; all times are the platform's seconds."""

    keeping: Any
    delaying: Any
    chaining: Any
    functions: Array
    gaps: Floats
    edges: Array
    delays: Floats
    memories: dict[int, Floats]

    @classmethod
    def of(cls, work: Work, keep: Any, delay: Any = None, chain: Any = None, seed: int = 0) -> "Asked":
        """Return policies that have seen no call."""
        table, edges = work.functions.view(np.recarray), work.edges.view(np.recarray)
        table["last"] = np.nan
        count = len(table)
        memories = {id(policy): memory_of(policy, seed, count) for policy in (keep, delay, chain) if policy is not None}
        gaps, delays = np.zeros((count, HISTORY)), np.zeros((len(edges), HISTORY))
        return cls(keep, delay, chain, table, gaps, edges, delays, memories)

    def comes(self, now: float, function: int) -> None:
        """Note the arrival of a call."""
        one = self.functions[function]
        if one.calls > 0:
            self.gaps[function, (one.calls - 1) % HISTORY] = now - one.last
        self.functions["calls"][function] += 1
        self.functions["last"][function] = now
        self.edges["asked"][self.edges["parent"] == function] += 1

    def follows(self, edge: int, delay: float) -> None:
        """Note how long after its parent's a call has come along an edge."""
        self.delays[edge, self.edges["followed"][edge] % HISTORY] = delay
        self.edges["followed"][edge] += 1

    def keep(self, now: float, function: int, served: int) -> float:
        """Return for how long a free pod is kept."""
        return self._ask(self.keeping, "keep", now, function, served, self.functions, self.gaps)

    def warm(self, now: float, function: int) -> float:
        """Return when a pod is to be started ahead, infinite for never."""
        if not hasattr(type(self.keeping), "warm"):
            return math.inf
        return self._ask(self.keeping, "warm", now, function, self.functions, self.gaps)

    def delay(self, now: float, function: int) -> float:
        """Return for how long a call may wait for a pod."""
        if self.delaying is None:
            return 0.0
        return self._ask(self.delaying, "delay", now, function, self.functions)

    def expected(self, at: float, function: int, steps: int = 1) -> Iterator[tuple[int, float]]:
        """Return the edges along which calls are expected if one of a function comes at a time, and when they come."""
        if self.chaining is None or steps > STEPS:
            return
        for edge in np.flatnonzero(self.edges["parent"] == function).tolist():
            when = self._ask(self.chaining, "expect", at, edge, steps, self.edges, self.delays, self.functions)
            if when < math.inf:
                self.edges["expected"][edge] = when
                yield edge, when
                yield from self.expected(when, int(self.edges["child"][edge]), steps + 1)

    def wait(self, now: float, edge: int) -> float:
        """Return for how long a pod waits for the call that it was started for."""
        return self._ask(self.chaining, "wait", now, edge, self.edges, self.delays, self.functions)

    def _ask(self, policy: Any, verb: str, *values: Any) -> float:
        bound = getattr(type(policy) if is_compiled(policy, verb) else policy, verb)
        return float(bound(*values, self.memories[id(policy)]))
