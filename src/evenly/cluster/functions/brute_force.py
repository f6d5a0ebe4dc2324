"""The least that serving a few calls of one function can cost, found by trying every way."""

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import Floats, Ints

MOST_CALLS = 8  # calls; there are 4,140 ways to share out so many


def least_cost(arrival: Floats, seconds: Floats, worth: float, cold: float = 0.0) -> float:
    """Return the least sum of waits of pods and of cold starts, each of which counts as `worth` seconds of a wait.

    Every call either starts a pod, which takes `cold` seconds, or takes any pod that is free when it comes; a pod whose
    next call is known waits for it, and otherwise for no time. Raises `ValueError` for more than 8 calls.

    >>> least_cost(np.array([0.0, 50.0, 200.0]), np.zeros(3), worth=60.0)
    170.0
    """
    if len(arrival) > MOST_CALLS:
        raise ValueError(f"every way is tried for at most {MOST_CALLS} calls, not {len(arrival)}")

    def rest(call: int, free: tuple[float, ...]) -> float:
        """Return the least cost from a call on, where pods are free from these times on."""
        if call == len(arrival):
            return 0.0
        now, runs = float(arrival[call]), float(seconds[call])
        best = worth + rest(call + 1, (*free, now + cold + runs))
        for k, since in enumerate(free):
            if since <= now:
                left = (*free[:k], *free[k + 1 :], now + runs)
                best = min(best, now - since + rest(call + 1, left))
        return best

    return rest(0, ())


def few(arrival: Floats, seconds: Floats, cold: float = 0.0) -> Calls:
    """Return calls of one function at these times, in order, with equal cold starts."""
    none: Ints = np.zeros(1, np.int64)
    functions = Functions(none, none, none, none + 1, np.full(1, cold), ("APIG-S",), ("Python3",), ("300-128",))
    parts = np.tile([0.0, 0.0, 0.0, cold], (len(arrival), 1))
    span = float(arrival[-1]) + 1.0 if len(arrival) else 1.0
    return Calls(functions, np.zeros(len(arrival), np.int64), arrival, seconds, parts, parts, span, "a few calls")
