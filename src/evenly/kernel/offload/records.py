"""What the loop over layers and its policies hand to each other."""

from numba import types

# Columns of a plan, one row an expert. Seconds count from the moment the routing of the layer is known.
SIDE = 0  # CPU or DEVICE; NONE for an expert that nobody asked for
BEGIN = 1
END = 2
SENT = 3  # when its transfer begins; NaN without one
READY = 4  # when it is on the device; infinite if it never comes
COLUMNS = 5

NONE = -1.0
CPU = 0.0
DEVICE = 1.0

# Entries of the costs, in seconds.
TRANSFER, PER_EXPERT, FIRST, PER_TOKEN, OTHER = range(5)

# What a row of the log shows.
COMPUTED, ASKED, PREFETCHED, FILLED = range(4)
LOG = 8  # columns of the log: pass, layer, row, what, expert, tokens, begin, end
ROW_CPU, ROW_DEVICE, ROW_LINK = range(3)

# Sums of a pass, one column each.
SECONDS, CPU_BUSY, DEVICE_BUSY, LINK_BUSY, ACTIVE, HITS, ON_CPU, ASKS, PREFETCHES, USED, FILLS, EVICTIONS = range(12)
SUMS = 12

_ints = types.int64[::1]
_floats = types.float64[::1]
_table = types.float64[:, ::1]
ASSIGN = types.FunctionType(types.float64(_ints, _floats, types.float64, _floats, _table))
TOUCH = types.FunctionType(
    types.float64(
        types.float64,
        types.boolean,
        types.int64,
        types.float64,
        types.float64,
        types.int64,
        types.int64,
        _floats,
    )
)
WORTH = types.FunctionType(types.float64(types.float64, types.float64, types.int64, _floats))

# Entries of the clock.
NOW, LINK, LOGGED, STAGED, PEAK = range(5)

COUNTS = types.int64[:, :, ::1]
CUBE = types.float64[:, :, ::1]
TABLE = _table
FLAGS = types.boolean[:, ::1]
ROW = _floats
