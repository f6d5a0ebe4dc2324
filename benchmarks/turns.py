"""Pieces of work that take turns, so that a machine that slows down does so for all of them."""

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.figures import Figure

Times = Mapping[str, Sequence[float]]
"CPU seconds of each piece of work, one a round."


def taken(work: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Return the CPU seconds of every piece in every round; a round before them, which warms up, does not count."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(1 + rounds):
        for name, piece in work.items():
            begin = time.process_time()
            piece()
            found[name].append(time.process_time() - begin)
    return {name: times[1:] for name, times in found.items()}


def ratio(name: str, times: Times, one: str, other: str, limit: float | None = None, **more: bool) -> Figure:
    """Return the time of `one` over that of `other`, round by round: the median, the least and the greatest."""
    return Figure.of(name, [a / b for a, b in zip(times[one], times[other], strict=True)], "x", limit, **more)
