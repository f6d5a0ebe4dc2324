"""Begin and end of passes that wait for each other."""

from typing import Any

import numpy as np

from evenly.core import Bools, Floats, Ints


def simulate(seconds: Floats, before: Ints, after: Ints, lag: Floats) -> tuple[Floats, Floats, Bools]:
    """Return begin and end of each pass, and whether it ran: those that wait for each other never do.

    Pass `after[k]` begins no sooner than `lag[k]` seconds after the end of pass `before[k]`; a pass begins as soon as
    all these hold. The cost is linear in passes and edges.
    """
    from evenly.kernel.pipeline.run import run as compiled_run  # compiled when first used

    run: Any = compiled_run
    count = len(seconds)
    order = np.argsort(before, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(before, minlength=count))]).astype(np.int64)
    waits = np.bincount(after, minlength=count).astype(np.int64)
    begin, end, ready = np.zeros(count), np.full(count, np.nan), np.full(count, -1, np.int64)
    done = int(run(first, after[order], lag[order], waits, seconds, begin, end, ready))
    ran = np.zeros(count, np.bool_)
    ran[ready[:done]] = True
    return begin, end, ran
