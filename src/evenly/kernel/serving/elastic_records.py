"""What the loop of a fleet whose replicas come and go knows beside the world of serving. Times are in seconds."""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from evenly.kernel.functions.records import FUNCTION, KEEP, WARM_AT
from evenly.kernel.row.records import CHOOSE as SCALE
from evenly.kernel.serving.records import REPLICAS
from evenly.kernel.world import WorldType, records

# What a replica is.
OFF = 0
STARTING = 1  # its weights are being loaded
OPEN = 2  # requests are sent to it
CLOSED = 3  # it ends what it has, then waits to be opened again or to stop

STANDBY = np.dtype(
    [
        ("state", "i8"),
        ("idle", "i8"),  # 1: nothing is on it
        ("served", "i8"),  # requests that ended since it started
        ("born", "f8"),  # when its start began
        ("ready", "f8"),  # when it had started
        ("alive", "f8"),  # seconds of its earlier lives, from the begin of a start to the stop
    ],
    align=True,
)

CONTROL = np.dtype(
    [
        ("total", "i8"),  # requests that came and have not ended
        ("area", "f8"),  # request-seconds since the last look
        ("at", "f8"),  # until when they are counted
        ("look", "f8"),  # when the scaler is asked next; infinite while nothing is there
        ("level", "i8"),  # level in force
        ("moving", "i8"),  # level that replicas start for; -1 for none
        ("wake", "f8"),  # when a replica is to be started ahead; infinite if never
        ("open", "i8"),  # replicas that are open
        ("starting", "i8"),
        ("head", "i8"),  # first of the requests that wait for a replica
        ("tail", "i8"),
        ("lobby", "i8"),  # how many they are
        ("cold", "i8"),  # requests that waited so
        ("starts", "i8"),
        ("lives", "i8"),  # rows of `lives`
        ("refused", "i8"),  # levels chosen that do not exist
        ("wrong", "i8"),  # the last of them
    ],
    align=True,
)

SCALING = np.dtype(
    [
        ("least", "i8"),  # replicas that never stop
        ("concurrency", "i8"),  # requests at once that a replica is meant for
        ("start", "f8"),  # seconds of a start
        ("every", "f8"),  # seconds between two looks of the scaler
        ("scales", "i8"),  # 1: a scaler says how many are open, 0: as many as the requests fill
        ("warms", "i8"),  # 1: a replica may be started ahead
    ],
    align=True,
)

LIFE_COLUMNS = 4  # replica, begin of its start, end of its start, stop

_floats, _ints = types.float64[::1], types.int64[::1]
_table = types.Array(types.float64, 2, "C")

# Axes: r replica, k the last ones.
ELASTIC = WorldType(
    "elastic",
    {
        "standby": records(STANDBY),  # [r]
        "control": records(CONTROL),  # [1]
        "scaling": records(SCALING),  # [1]
        "due": _floats,  # [r] when it has started, or stops if it is idle until then; infinite else
        "due_tree": _ints,  # winner tree over `due`
        "front": REPLICAS,  # what a router sees: the open replicas, those of the lowest numbers first
        "numbers": _ints,  # [r] which they are
        "count": _ints,  # [1] how many
        "functions": records(FUNCTION),  # [1] the model, as keep-alives know a function
        "gaps": _table,  # [1, k] ring of the last gaps between requests
        "lives": _table,  # [*, 4] first lives that ended
        "keep_memory": _floats,
        "warm_memory": _floats,
        "scale_memory": _floats,
    },
)


class Asked(NamedTuple):
    """The policies of a fleet, compiled."""

    keep: Any
    warm: Any
    scale: Any


ASKED = (KEEP, WARM_AT, SCALE)
