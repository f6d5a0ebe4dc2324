"""The records that policies see, kept by a real platform as the simulator's loop keeps them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.cluster.functions.calls import Functions
from evenly.core import Array, Floats
from evenly.kernel.bridge import is_compiled, memory_of
from evenly.kernel.functions.records import HISTORY


@dataclass(slots=True, eq=False)
class Asked:
    """A keep-alive and a delay, and the functions that they are asked about; all times are the platform's seconds."""

    keeping: Any
    delaying: Any
    functions: Array
    gaps: Floats
    memories: dict[str, Floats]

    @classmethod
    def of(cls, functions: Functions, keep: Any, delay: Any = None, seed: int = 0) -> "Asked":
        """Return policies that have seen no call."""
        table = functions.records().view(np.recarray)
        table["last"] = np.nan
        count = len(functions)
        memories = {"keep": memory_of(keep, seed, count)}
        if delay is not None:
            memories["delay"] = memory_of(delay, seed, count)
        return cls(keep, delay, table, np.zeros((count, HISTORY)), memories)

    def comes(self, now: float, function: int) -> None:
        """Note the arrival of a call."""
        one = self.functions[function]
        if one.calls > 0:
            self.gaps[function, (one.calls - 1) % HISTORY] = now - one.last
        self.functions["calls"][function] += 1
        self.functions["last"][function] = now

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

    def _ask(self, policy: Any, verb: str, *values: Any) -> float:
        bound = getattr(type(policy) if is_compiled(policy, verb) else policy, verb)
        return float(bound(*values, self.memories["delay" if verb == "delay" else "keep"]))
