"""Why calls started cold, in words."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.cluster.functions.calls import Calls
from evenly.core import Array, Floats, Ints

if TYPE_CHECKING:
    from evenly.kernel.functions.simulation import Run

CAUSES = ("", "first call", "kept too short", "all pods busy", "pod on its way", "waited in vain")
"In the order of the codes of the event loop; empty for a call that did not start cold."


def explain(calls: Calls, run: "Run", chosen: Ints) -> tuple[Array, Array]:
    """Return the cause of the cold start of each chosen call, and a reason with its figures; empty for other calls."""
    from evenly.kernel.functions.records import RELEASED, STARTING, WAITED

    some = run.calls[chosen]
    why, gone = some["why"], some["why"] == RELEASED
    timer = calls.functions.timers[some["site"]]
    figure, kept = np.zeros((2, len(some)))
    last = run.pods[some["freed"][gone]]  # released for good, so it keeps the times of its last wait
    figure[gone], kept[gone] = some["arrival"][gone] - last["since"], last["died"] - last["since"]
    for code, until in ((STARTING, "start"), (WAITED, "began")):
        mine = why == code
        figure[mine] = some[until][mine] - some["arrival"][mine]
    keys = np.stack((why, timer & gone, rounded(figure), rounded(kept)), axis=1)
    different, place = np.unique(keys, axis=0, return_inverse=True)
    said = [_sentence(int(code), clock > 0, code == RELEASED, a, b) for code, clock, a, b in different.tolist()]
    return np.array(CAUSES, object)[why], np.array(said, object)[place.ravel()]


def _sentence(code: int, clock: bool, gone: bool, figure: float, kept: float) -> str:
    """Return a reason, such as `timer 120 s > keep-alive 60 s`."""
    if gone:
        return f"{'timer' if clock else 'idle'} {figure:g} s > keep-alive {kept:g} s"
    return f"{CAUSES[code]}, {figure:g} s" if figure > 0 else CAUSES[code]


def rounded(seconds: Floats) -> Floats:
    """Return seconds with two significant digits.

    >>> rounded(np.array([0.0, 0.1234, 61.7, 1234.0])).tolist()
    [0.0, 0.12, 62.0, 1200.0]
    """
    digits = 1 - np.floor(np.log10(np.maximum(seconds, 1e-6)))
    return np.asarray(np.round(seconds * 10.0**digits) / 10.0**digits)
