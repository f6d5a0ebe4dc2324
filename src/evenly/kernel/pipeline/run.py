"""The loop over passes: whoever waits for nothing any more begins, and those that wait for it wait for one less."""

from typing import Any

from numba import types

from evenly.kernel.compiling import loop

_INTS, _FLOATS = types.int64[::1], types.float64[::1]


@loop(types.int64(_INTS, _INTS, _FLOATS, _INTS, _FLOATS, _FLOATS, _FLOATS, _INTS))
def run(
    first: Any, follows: Any, lag: Any, waits: Any, seconds: Any, begin: Any, end: Any, ready: Any
) -> int:  # `waits` and `ready` are used up
    """Fill in begin and end of every pass; return how many ran, fewer than all if some wait for each other.

    `follows[first[k]:first[k + 1]]` wait for pass k, `lag` seconds after its end; `waits` counts what each waits for.
    """
    known = 0
    for k in range(len(seconds)):
        begin[k] = 0.0
        if waits[k] == 0:
            ready[known] = k
            known += 1
    done = 0
    while done < known:
        k = ready[done]
        done += 1
        end[k] = begin[k] + seconds[k]
        for edge in range(first[k], first[k + 1]):
            other = follows[edge]
            begin[other] = max(begin[other], end[k] + lag[edge])
            waits[other] -= 1
            if waits[other] == 0:
                ready[known] = other
                known += 1
    return done
