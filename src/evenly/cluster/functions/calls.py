"""Calls of functions: the work that arrives at a function platform."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Array, Bools, Floats, Ints

if TYPE_CHECKING:
    from evenly.kernel.functions.simulation import Work


def _nowhere() -> Floats:
    return np.zeros((1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Functions:
    """Functions that may be called; one entry a function, or, where there are several regions, one for it in each.

    The entries of a function stand side by side, in the order of the regions.
    """

    trigger: Ints
    "Code of what calls it, in `triggers`."
    runtime: Ints
    "Code of its language, in `runtimes`."
    size: Ints
    "Code of the size of its pods, in `sizes`."
    pooled: Ints
    "1 if its pods come from a pool, 0 if they are always built from scratch."
    lead: Floats
    "p99 of its cold-start time, in seconds."
    triggers: tuple[str, ...]
    "Names such as `TIMER-A`; those that end in -A are asynchronous: nobody waits for the answer."
    runtimes: tuple[str, ...]
    sizes: tuple[str, ...]
    "Millicores and MB of a pod, such as `300-128`; pods of one size share a pool."

    def __len__(self) -> int:
        return len(self.trigger)

    @property
    def timers(self) -> Bools:
        """Return which functions a clock calls."""
        return np.asarray(np.array([name.startswith("TIMER") for name in self.triggers])[self.trigger])

    @property
    def asynchronous(self) -> Bools:
        """Return which functions nobody waits for."""
        return np.asarray(np.array([name.endswith("-A") for name in self.triggers])[self.trigger])

    def records(self, regions: int = 1) -> Array:
        """Return the functions as the event loop reads them; pods of one size and region share a pool."""
        from evenly.kernel.functions.records import FUNCTION

        found = np.zeros(len(self), FUNCTION)
        found["trigger"], found["runtime"], found["lead"] = self.trigger, self.runtime, self.lead
        found["timer"], found["asynchronous"] = self.timers, self.asynchronous
        pool = self.size + len(self.sizes) * (np.arange(len(self)) % regions)
        found["pool"] = np.where(self.pooled == 1, pool, -1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Calls, with the cold starts that each of them would meet.

    Those that come by themselves are first, in order of arrival; those that other calls make follow.
    """

    functions: Functions
    function: Ints
    "Which function each call is of; where there are several regions, its entry in the region where the call comes."
    arrival: Floats
    "Seconds from the start, not decreasing; NaN for calls that others make."
    seconds: Floats
    "Seconds that each call runs if it has its pod for itself."
    parts: Floats
    "Parts of the cold start of a call that needs a new pod, in seconds, shape [calls, 4] or [calls, regions, 4]."
    ahead: Floats
    "Parts of the start of a pod that is started ahead after the call, the same shape."
    span: float
    "Seconds of the workload."
    origin: str = ""
    "Where the calls come from, for reports."
    hit: float = 0.013
    "Seconds to take a pod from a pool: the middle one of the published modes."
    scratch: float = 10.5
    "Seconds to build one: the slowest of them."
    slowdown: float = 0.0
    "Share by which each other call on its pod lengthens a call."
    latency: Floats = field(default_factory=_nowhere)
    "Seconds there and back between regions, shape [regions, regions]."
    parent: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    "Call that makes each call, -1 for none; empty if none makes another."
    after: Floats = field(default_factory=lambda: np.zeros(0))
    "Seconds from the end of that call until this one comes; empty likewise."

    def __post_init__(self) -> None:
        if len({len(self.function), len(self.arrival), len(self.seconds), len(self.parts), len(self.ahead)}) != 1:
            raise ValueError("every call has a function, an arrival, a duration and two cold starts")
        if len(self.parent) not in (0, len(self)) or len(self.after) != len(self.parent):
            raise ValueError("either every call says which one makes it and when, or none does")
        if np.any(np.diff(self.arrival[: self.roots]) < 0):
            raise ValueError("arrivals must not decrease; sort the calls first")
        if np.any(self.parent[: self.roots] >= 0) or np.any(self.parent[self.roots :] < 0):
            raise ValueError("calls that others make must follow those that come by themselves")
        if np.any(self.parent >= np.arange(len(self.parent))):
            raise ValueError("a call is made by one that stands before it")

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def roots(self) -> int:
        """Return how many calls come by themselves."""
        return int((self.parent < 0).sum()) if len(self.parent) else len(self)

    @property
    def regions(self) -> int:
        """Return the number of regions."""
        return len(self.latency)

    def work(self) -> "Work":
        """Return the calls as the event loop reads them."""
        from evenly.kernel.functions.records import AHEAD, AHEAD_BARE, BARE, CALL, COLD
        from evenly.kernel.functions.simulation import Work

        found = np.zeros(len(self), CALL)
        found["arrival"], found["function"], found["seconds"] = self.arrival, self.function, self.seconds
        starts = np.empty((len(self), self.regions, 4))
        for parts, whole, bare in ((self.parts, COLD, BARE), (self.ahead, AHEAD, AHEAD_BARE)):
            known = parts.reshape(len(self), self.regions, 4)
            starts[:, :, whole], starts[:, :, bare] = known.sum(axis=2), known[:, :, 1:].sum(axis=2)
        functions = self.functions.records(self.regions)
        if len(self):
            usual = np.median(starts[:, :, COLD], axis=0)
            functions["usual"] = usual[np.arange(len(functions)) % self.regions]
        pools = len(self.functions.sizes) * self.regions
        return Work(functions, found, starts, np.array(self.latency), pools, *self._chains())

    def _chains(self) -> tuple[Array, Array]:
        """Return what calls call, and which functions call which."""
        from evenly.kernel.functions.records import EDGE, LINK, NONE

        links, edges = np.zeros(len(self.parent), LINK), np.zeros(0, EDGE)
        if not len(links):
            return links, edges
        links["parent"], links["after"] = self.parent, self.after
        links["child"] = links["sibling"] = links["edge"] = NONE
        made = np.arange(self.roots, len(self))
        pair = self.function[self.parent[made]] * len(self.functions) + self.function[made]
        pairs, links["edge"][made] = np.unique(pair, return_inverse=True)
        edges = np.zeros(len(pairs), EDGE)
        edges["parent"], edges["child"] = np.divmod(pairs, len(self.functions))
        edges["next"] = _next_alike(edges["parent"])
        ranked = made[np.argsort(self.parent[made], kind="stable")]
        links["sibling"][ranked] = np.append(ranked, NONE)[_next_alike(self.parent[ranked])]
        parents, first = np.unique(self.parent[ranked], return_index=True)
        links["child"][parents] = ranked[first]
        return links, edges


def _next_alike(ranked: Ints) -> Ints:
    """Return for each value of a sorted array the place of the next one, if that is the same, and else -1.

    >>> _next_alike(np.array([3, 3, 5]))
    array([ 1, -1, -1])
    """
    place = np.arange(1, len(ranked) + 1)
    alike = np.append(ranked[1:] == ranked[:-1], False)
    return np.where(alike, place, -1)
