"""What the loop of a function platform knows: functions, calls, pods, pools, rules. Times are in seconds."""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from evenly.kernel.world import WorldType, records

# A plain -1 would be a type of its own to numba, and compile every helper twice.
NONE: Any = np.int64(-1)
HISTORY = 60  # gaps between calls that a function's record keeps
STEPS = 16  # of a chain that are looked ahead at most
ASKED = 64  # edges that are asked about as a call comes, at most

# What an event is; of those at one instant the lower comes first.
WINDOW, REFILL, FREE, READY, ALARM, EXPECT, ARRIVAL, LATEST = range(8)

# What a call is doing.
COMING, WAITING, TAKEN = range(3)

# Why a call started cold, or that it did not.
WARM, FIRST, RELEASED, BUSY, STARTING, WAITED = range(6)

# How the loop returns.
DONE, NO_PODS, NO_EVENTS, WRONG_ROUTE = range(4)

# A function has a row for each region, one after the other; where there is one region, a row is a function.
FUNCTION = np.dtype(
    [
        ("trigger", "i8"),  # code of what calls it
        ("runtime", "i8"),  # code of its language
        ("timer", "i8"),  # 1: a clock calls it
        ("asynchronous", "i8"),  # 1: nobody waits for its answer
        ("pool", "i8"),  # pool that its pods are taken from; -1: they are always built from scratch
        ("usual", "f8"),  # median of its cold-start time
        ("lead", "f8"),  # p99 of it
        ("calls", "i8"),  # calls so far
        ("last", "f8"),  # when the last of them came
        ("newest", "i8"),  # which call that was
        ("pods", "i8"),  # pods that run or start for a call
        ("warm", "i8"),  # 1: a pod that has started has room for a call; as of when a route is asked
        ("open", "i8"),  # top of the stack of its pods that have room for a call
        ("coming", "i8"),  # the pod that starts and has room for a call
        ("freed", "i8"),  # the pod that became idle last
        ("edge", "i8"),  # first of the edges to the functions that it calls
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
        ("function", "i8"),  # row of the function in the region where the call comes
        ("site", "i8"),  # row of the function in the region that serves it
        ("seconds", "f8"),  # that it runs if it has its pod for itself
        ("start", "f8"),  # when it begins to run
        ("end", "f8"),
        (
            "began",
            "f8",
        ),  # when it came to a pod that starts, its own or another's; NaN if it found one that had started
        ("allocation", "f8"),  # seconds of the start of its own pod until it had one; NaN if it started none
        ("target", "f8"),  # what the clock of its pod shows when it ends
        ("why", "i8"),  # it started cold
        ("freed", "i8"),  # the pod of its function that had become idle last, if that was released too early
        ("state", "i8"),
        ("pod", "i8"),
        ("beside", "i8"),  # next of the calls that its pod runs
        ("next", "i8"),  # in the queue of its function
        ("later", "i8"),  # in the queue of its pool
    ],
    align=True,
)

# What a call calls in its turn: one entry a call, or none at all.
LINK = np.dtype(
    [
        ("parent", "i8"),  # call that calls it; -1 if it comes by itself
        ("after", "f8"),  # seconds from the end of that until it comes
        ("edge", "i8"),  # edge from the function of that to its own
        ("child", "i8"),  # first of the calls that it calls
        ("sibling", "i8"),  # next call of the same parent
    ],
    align=True,
)

EDGE = np.dtype(
    [
        ("parent", "i8"),  # function
        ("child", "i8"),  # function that it calls
        ("next", "i8"),  # edge of the same parent
        ("asked", "i8"),  # calls of the parent so far
        ("followed", "i8"),  # calls of the child that they made so far
        ("expected", "f8"),  # when the next one was last expected
    ],
    align=True,
)

POD = np.dtype(
    [
        ("function", "i8"),  # row
        ("edge", "i8"),  # edge along which its first call was expected; -1 for none
        ("served", "i8"),  # calls that have ended
        ("running", "i8"),  # calls that it runs or starts for
        ("call", "i8"),  # the newest of them; -1 for none
        ("offered", "i8"),  # 1: it stands in the stack of pods with room
        ("next", "i8"),  # in that stack
        ("born", "f8"),
        ("ready", "f8"),  # when it has started
        ("busy", "f8"),  # seconds that it ran calls
        ("idle", "f8"),  # seconds that it waited for calls, the last wait left out
        ("at", "f8"),  # until when `busy` and `clock` count
        ("clock", "f8"),  # seconds of work that a call has got which came when the pod was last idle
        ("due", "f8"),  # when the first of its calls ends
        ("since", "f8"),  # since when it is idle; NaN while it is not
        ("until", "f8"),  # when it is released if nobody calls; infinite while it is not idle
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
    ],
    align=True,
)

RULES = np.dtype(
    [
        ("warms", "i8"),  # 1: a keep-alive may start pods ahead
        ("delays", "i8"),  # 1: calls may wait for a pod
        ("pooled", "i8"),  # 1: a pool decides how long an allocation takes
        ("routed", "i8"),  # 1: calls may go to other regions
        ("chained", "i8"),  # 1: calls may call others, whose pods may be started ahead
        ("expects", "i8"),  # 1: a chain policy is asked
        ("fan", "i8"),  # calls that a call makes, and functions that a function calls, at most
        ("regions", "i8"),
        ("roots", "i8"),  # calls that come by themselves, in order; those that others call follow them
        ("concurrency", "i8"),  # calls that a pod runs at once at most
        ("slowdown", "f8"),  # by which share of its seconds a call takes longer for each other one on its pod
        ("window", "f8"),  # seconds between two looks at the size of pools
        ("hit", "f8"),  # seconds to take a pod from a pool
        ("scratch", "f8"),  # seconds to build a pod
        ("span", "f8"),  # seconds of the workload
    ],
    align=True,
)

EVENT = np.dtype([("time", "f8"), ("order", "i8"), ("what", "i8"), ("who", "i8")], align=True)

# Seconds that a pod takes to start: for a call or ahead of one, in all or without its allocation.
COLD, BARE, AHEAD, AHEAD_BARE = range(4)

_floats = types.float64[::1]
_table = types.Array(types.float64, 2, "C")
_starts = types.Array(types.float64, 3, "C")
_counts = types.Array(types.int64, 2, "C")
FUNCTIONS, EDGES = records(FUNCTION), records(EDGE)

# Axes: f row of a function, r region, i call, q of the four above, e edge, k the last ones, p pool, w window.
WORLD = WorldType(
    "functions",
    {
        "functions": FUNCTIONS,  # [f]
        "gaps": _table,  # [f, k] ring of the last gaps between calls; call n writes gap n - 1
        "calls": records(CALL),  # [i]
        "starts": _starts,  # [i, r, q]
        "links": records(LINK),  # [i], or [0] where no call calls another
        "edges": EDGES,  # [e]
        "delays": _table,  # [e, k] ring of the last seconds from a call of the parent to that of its child
        "path": _table,  # [steps ahead, (next edge to ask about, when its parent's call comes)]
        "latency": _table,  # [r, r] seconds there and back from where a call comes to where it is served
        "pods": records(POD),
        "pools": records(POOL),  # [p]
        "demand": _counts,  # [p, w] starts that asked a pool in a window
        "events": records(EVENT),  # heap
        "rules": records(RULES),
        "state": types.int64[::1],  # next call, events in the heap, events so far, pods so far, wrong routes
        "keep_memory": _floats,
        "warm_memory": _floats,
        "delay_memory": _floats,
        "size_memory": _floats,
        "choose_memory": _floats,
        "expect_memory": _floats,
        "wait_memory": _floats,
    },
)
CALLED, HEAPED, COUNTED, BORN, ASTRAY = range(5)

# Signatures of the hooks.
KEEP = types.FunctionType(types.float64(types.float64, types.int64, types.int64, FUNCTIONS, _table, _floats))
WARM_AT = types.FunctionType(types.float64(types.float64, types.int64, FUNCTIONS, _table, _floats))
DELAY = types.FunctionType(types.float64(types.float64, types.int64, FUNCTIONS, _floats))
SIZE = types.FunctionType(types.int64(types.float64, types.int64, types.int64, _counts, _floats))
CHOOSE = types.FunctionType(types.int64(types.float64, types.int64, FUNCTIONS, _table, _floats))
EXPECT_AT = types.FunctionType(
    types.float64(types.float64, types.int64, types.int64, EDGES, _table, FUNCTIONS, _floats)
)
WAIT = types.FunctionType(types.float64(types.float64, types.int64, EDGES, _table, FUNCTIONS, _floats))


class Hooks(NamedTuple):
    """The policies of a run, compiled; what they remember stands in the world."""

    keep: Any
    warm: Any
    delay: Any
    size: Any
    choose: Any
    expect: Any
    wait: Any


HOOKS = (KEEP, WARM_AT, DELAY, SIZE, CHOOSE, EXPECT_AT, WAIT)
