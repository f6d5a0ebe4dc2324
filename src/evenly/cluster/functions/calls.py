"""Calls of functions: the work that arrives at a function platform."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Functions:
    """Functions that may be called; one entry a function."""

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

    def records(self) -> Array:
        """Return the functions as the event loop reads them."""
        from evenly.kernel.functions.records import FUNCTION

        found = np.zeros(len(self), FUNCTION)
        timer = np.array([name.startswith("TIMER") for name in self.triggers], np.int64)
        later = np.array([name.endswith("-A") for name in self.triggers], np.int64)
        found["trigger"], found["runtime"], found["lead"] = self.trigger, self.runtime, self.lead
        found["timer"], found["asynchronous"] = timer[self.trigger], later[self.trigger]
        found["pool"] = np.where(self.pooled == 1, self.size, -1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Calls in order of arrival, with the cold starts that each of them would meet."""

    functions: Functions
    function: Ints
    "Which function each call is of."
    arrival: Floats
    "Seconds from the start, not decreasing."
    seconds: Floats
    "Seconds that each call runs."
    parts: Floats
    "Parts of the cold start that a call meets if it needs a new pod, in seconds, shape [calls, 4]."
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

    def __post_init__(self) -> None:
        if len({len(self.function), len(self.arrival), len(self.seconds), len(self.parts), len(self.ahead)}) != 1:
            raise ValueError("every call has a function, an arrival, a duration and two cold starts")
        if np.any(np.diff(self.arrival) < 0):
            raise ValueError("arrivals must not decrease; sort the calls first")

    def __len__(self) -> int:
        return len(self.arrival)

    def records(self) -> Array:
        """Return the calls as the event loop reads them."""
        from evenly.kernel.functions.records import CALL

        found = np.zeros(len(self), CALL)
        found["arrival"], found["function"], found["seconds"] = self.arrival, self.function, self.seconds
        for name, parts in (("cold", self.parts), ("ahead", self.ahead)):
            found[name] = parts.sum(axis=1)
            found["bare" if name == "cold" else "ahead_bare"] = parts[:, 1:].sum(axis=1)
        return found
