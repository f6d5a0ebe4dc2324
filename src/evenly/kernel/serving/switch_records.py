"""What the kernel knows of seats that are switched: where a request's tokens are, copies on the host, the two lanes."""

import numpy as np

SWITCH = np.dtype(
    [
        ("state", "i8"),  # AWAY, COMING or HERE
        ("seat", "i8"),  # its seat, unless it is away
        ("row", "i8"),  # where its device pages are listed, `NONE` if it has none
        ("slot", "i8"),  # its copy on the host, `NONE` if there is none
        ("ready", "f8"),  # when the copy under way, or the last one, is complete
        ("later", "i8"),  # whose copy out comes next
        ("pages", "i8"),  # of its row, while its copy to the host is under way
        ("chosen", "i8"),  # 1: it is among those of highest priority that fit
    ],
    align=True,
)
AWAY, COMING, HERE = 0, 1, 2

COPY = np.dtype(
    [
        ("owner", "i8"),  # the request whose tokens it holds
        ("tokens", "i8"),  # up to which it is valid
        ("pages", "i8"),  # of the host
        ("next", "i8"),  # of the unused slots
    ],
    align=True,
)

TIER = np.dtype(
    [
        ("out_end", "f8"),  # when the last copy to the host is complete
        ("in_end", "f8"),  # and the last one back
        ("first", "i8"),  # the request whose copy to the host is complete next, `NONE` if none is under way
        ("last", "i8"),
        ("pages", "i8"),  # of the host
        ("coming", "i8"),  # requests whose copy to the device is under way
        ("rows", "i8"),  # size of the stack of unused rows
        ("slots", "i8"),  # first of the unused slots
        ("used", "i8"),  # slots that ever were in use, the first ones
        ("least", "i8"),  # pages of the smallest request that waits, or fewer
        ("drawn", "i8"),  # how often ranks were asked anew
        ("step", "f8"),  # seconds of the last pass of decodes
        ("stall", "f8"),  # seconds for which the device waited for copies
        ("outs", "i8"),  # copies to the host, a request each
        ("ins", "i8"),
        ("pages_out", "i8"),
        ("pages_in", "i8"),
        ("runs", "i8"),  # pieces that were contiguous on both sides
    ],
    align=True,
)
