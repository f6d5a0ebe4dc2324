"""What the kernel of a row knows: rules, servers, requests. Units: seconds, watts, MHz.

A reading is the power of the row as a share of its budget. A level is a row of the policy's table of clocks, one clock
for each of the two priorities; level 0 is unlimited.
"""

from typing import Any

import numba
import numpy as np
from numba import types

HIGH, LOW = 0, 1  # priorities
IDLE, PROMPT, TOKEN = 0, 1, 2  # phases of a server

RULES = np.dtype(
    [
        (name, "f8")
        for name in (
            "end",  # of the run
            "tick",  # between two samples of the power
            "telemetry",  # from a sample to its reading
            "actuation",  # from a command to new clocks
            "limit",  # a reading above it brakes; infinite: never
            "latency",  # from such a reading to the brake
            "hold",  # of the brake
            "brake_clock",
            "brake_prompt",  # speed of a prompt under the brake, a share
            "brake_token",
            "budget",  # watts
            "idle",  # watts of the devices of a server
            "rest_idle",  # watts of all else in it
            "rest_busy",
            "token",  # watts of its devices while tokens are generated at full clock
            "top",
            "exponent",
            "prompt_loss",
            "token_loss",
            "bin",  # of the energy by server
            "first",  # 1: stop at the first brake
        )
    ]
)
SERVER = np.dtype(
    [
        ("group", "i8"),  # its priority
        ("next", "i8"),  # its request that starts next
        ("last", "i8"),  # the one after its last
        ("phase", "i8"),
        ("watts", "f8"),
        ("since", "f8"),  # since when it draws them
    ]
)
REQUEST = np.dtype(
    [
        ("arrival", "f8"),
        ("prompt", "f8"),  # seconds at full clock
        ("decode", "f8"),
        ("watts", "f8"),  # of the devices while its prompt is computed, at full clock
        ("begin", "f8"),  # NaN until then
        ("end", "f8"),
    ]
)
STATE = np.dtype(
    [
        ("level", "i8"),
        ("moving", "i8"),  # level that a command is under way to, -1 for none
        ("braked", "i8"),
        ("watts", "f8"),  # of the row
        ("clock_since", "f8"),  # since when the clocks are what they are
        ("over_since", "f8"),  # since when the row draws more than its budget; NaN if it does not
        ("peak", "f8"),  # watts
        ("over", "f8"),  # seconds above the budget
        ("longest", "f8"),  # of them without a break
        ("sampled", "i8"),
        ("read", "i8"),  # of the samples
        ("brakes", "i8"),
        ("brake_time", "f8"),
        ("capped_high", "f8"),  # seconds below the highest clock, the brake apart
        ("capped_low", "f8"),
        ("commands", "i8"),
        ("refused", "i8"),  # levels chosen that the policy does not have
        ("wrong", "i8"),  # the last of them
        ("stopped", "f8"),  # when the run ended
    ]
)


def array(dtype: Any) -> Any:
    """Return numba's type of a contiguous array of records."""
    return types.Array(numba.from_dtype(dtype), 1, "C")


_floats, _ints = types.float64[::1], types.int64[::1]
CHOOSE = types.FunctionType(types.int64(types.float64, types.float64, types.int64, types.int64, _floats))
RUN = types.void(
    array(RULES),
    array(STATE),
    array(SERVER),
    array(REQUEST),
    types.float64[:, ::1],  # clocks by level and priority
    types.float64[:, ::1],  # pace by priority: speed of a prompt, of a token, and the power above idle
    _floats,  # by server, when its phase ends or its next request arrives
    _floats,  # when each kind of event comes next
    _floats,  # samples
    _ints,  # level at each sample; the number of levels while the brake holds
    types.float64[:, ::1],  # energy by bin and server
    _floats,  # when brakes began
    CHOOSE,
    _floats,  # memory of the policy
)
