"""What the loop of a function platform knows: functions, calls, pods, pools, rules. Times are in seconds."""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from evenly.kernel.world import WorldType, records

# A plain -1 would be a type of its own to numba, and compile every helper twice.
NONE: Any = np.int64(-1)
HISTORY = 60  # gaps between calls that a function's record keeps

# What an event is; of those at one instant the lower comes first, and an arrival comes between ALARM and LATEST.
WINDOW, REFILL, FREE, READY, ALARM, LATEST = 0, 1, 2, 3, 4, 6
ARRIVAL = 5

# What a call is doing.
COMING, WAITING, TAKEN = 0, 1, 2

# How the loop returns.
DONE, NO_PODS, NO_EVENTS = 0, 1, 2

FUNCTION = np.dtype(
    [
        ("trigger", "i8"),  # code of what calls it
        ("runtime", "i8"),  # code of its language
        ("timer", "i8"),  # 1: a clock calls it
        ("asynchronous", "i8"),  # 1: nobody waits for its answer
        ("pool", "i8"),  # pool that its pods are taken from; -1: they are always built from scratch
        ("lead", "f8"),  # p99 of its cold-start time
        ("calls", "i8"),  # calls so far
        ("last", "f8"),  # when the last of them came
        ("newest", "i8"),  # which call that was
        ("pods", "i8"),  # pods that run or start for a call
        ("idle", "i8"),  # top of the stack of its idle pods
        ("ahead", "i8"),  # the pod that starts ahead of a call
        ("head", "i8"),  # first of the calls that wait for a pod
        ("tail", "i8"),
        ("wake", "f8"),  # when a pod is to be started ahead; infinite if never
        ("alarm", "f8"),  # when the loop looks at that next
    ],
    align=True,
)

CALL = np.dtype(
    [
        ("arrival", "f8"),
        ("function", "i8"),
        ("seconds", "f8"),  # that it runs
        ("cold", "f8"),  # that a new pod takes to start for it, as measured
        ("bare", "f8"),  # the same without the allocation of the pod
        ("ahead", "f8"),  # that a pod takes which is started ahead after it
        ("ahead_bare", "f8"),
        ("start", "f8"),  # when it begins to run
        ("began", "f8"),  # when the start of a pod began for it; NaN if it found one or waited for one
        ("allocation", "f8"),  # seconds of that start which were allocation, where a pool decides; NaN elsewhere
        ("state", "i8"),
        ("pod", "i8"),
        ("next", "i8"),  # in the queue of its function
        ("later", "i8"),  # in the queue of its pool
    ],
    align=True,
)

POD = np.dtype(
    [
        ("function", "i8"),
        ("served", "i8"),  # calls
        ("call", "i8"),  # that it runs or starts for; -1 for none
        ("next", "i8"),  # in the stack of idle pods
        ("born", "f8"),
        ("ready", "f8"),  # when it has started
        ("busy", "f8"),  # seconds that it ran calls
        ("idle", "f8"),  # seconds that it waited for calls, the last wait left out
        ("since", "f8"),  # when it was last idle
        ("until", "f8"),  # when it is released if nobody calls
        ("died", "f8"),
    ],
    align=True,
)

POOL = np.dtype(
    [
        ("stock", "i8"),  # idle pods in it
        ("coming", "i8"),  # pods that are being built for it
        ("target", "i8"),
        ("head", "i8"),  # first of the calls that wait for it
        ("tail", "i8"),
        ("at", "f8"),  # until when `seconds` counts
        ("seconds", "f8"),  # pod-seconds of its idle pods and of those that are being built
        ("missed", "i8"),  # starts that found it empty
    ],
    align=True,
)

RULES = np.dtype(
    [
        ("warms", "i8"),  # 1: pods may be started ahead
        ("delays", "i8"),  # 1: calls may wait for a pod
        ("pooled", "i8"),  # 1: a pool decides how long an allocation takes
        ("window", "f8"),  # seconds between two looks at the size of pools
        ("hit", "f8"),  # seconds to take a pod from a pool
        ("scratch", "f8"),  # seconds to build a pod
        ("span", "f8"),  # seconds of the workload
    ],
    align=True,
)

EVENT = np.dtype([("time", "f8"), ("order", "i8"), ("what", "i8"), ("who", "i8")], align=True)

_floats = types.float64[::1]
_table = types.Array(types.float64, 2, "C")
_counts = types.Array(types.int64, 2, "C")
FUNCTIONS = records(FUNCTION)

# Axes: f function, k gap, p pool, w window.
WORLD = WorldType(
    "functions",
    {
        "functions": FUNCTIONS,  # [f]
        "gaps": _table,  # [f, k] ring of the last gaps between calls; call n writes gap n - 1
        "calls": records(CALL),
        "pods": records(POD),
        "pools": records(POOL),  # [p]
        "demand": _counts,  # [p, w] starts that asked a pool in a window
        "events": records(EVENT),  # heap
        "rules": records(RULES),
        "state": types.int64[::1],  # next call, events in the heap, events so far, pods so far, calls that began
        "keep_memory": _floats,
        "warm_memory": _floats,
        "delay_memory": _floats,
        "size_memory": _floats,
    },
)
CALLED, HEAPED, COUNTED, BORN, BEGUN = range(5)

# Signatures of the hooks.
KEEP = types.FunctionType(types.float64(types.float64, types.int64, types.int64, FUNCTIONS, _table, _floats))
WARM = types.FunctionType(types.float64(types.float64, types.int64, FUNCTIONS, _table, _floats))
DELAY = types.FunctionType(types.float64(types.float64, types.int64, FUNCTIONS, _floats))
SIZE = types.FunctionType(types.int64(types.float64, types.int64, types.int64, _counts, _floats))


class Hooks(NamedTuple):
    """The policies of a run, compiled; what they remember stands in the world."""

    keep: Any
    warm: Any
    delay: Any
    size: Any


HOOKS = (KEEP, WARM, DELAY, SIZE)
