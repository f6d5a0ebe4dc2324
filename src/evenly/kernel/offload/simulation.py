"""Run the loops over layers for plug-in objects."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from evenly.core import Bools, Floats, Ints
from evenly.kernel.bridge import compiled, first_class, is_compiled, memory_of
from evenly.kernel.offload import records
from evenly.kernel.offload.asked import Asked

SLICES = 20  # how often a run reports its progress at most
ROWS = 1500  # of the log


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What the loop left behind."""

    sums: Floats
    "One row a pass; columns of `records`."
    log: Floats
    "One row for what each side and the link did in the logged pass; columns of `records`."
    beside: int
    "Most experts on the device at once beside those with a place for good."


def replay(
    asked: Asked,
    active: int,
    start: Floats,
    resident: Bools,
    scheduler: Any,
    cache: Any,
    prefetch: Any,
    costs: Floats,
    believed: Floats,
    logged: int = -1,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> Run:
    """Compute all passes; `start` and `resident` are what the cache begins with, shape [layer, expert].

    Schedulers plan with the costs `believed`; what happens follows `costs`. The pass `logged` is written down.
    """
    from evenly.kernel.offload.run import replay as compiled_replay  # compiled when first used

    run: Any = compiled_replay
    passes, _, experts = asked.loads.shape
    sums, log, clock = np.zeros((passes, records.SUMS)), np.zeros((ROWS, records.LOG)), np.zeros(5)
    hooks = (
        _called(scheduler, "assign", records.ASSIGN),
        _called(cache, "touch", records.TOUCH),
        _called(prefetch, "worth", records.WORTH),
    )
    known = (asked.loads, asked.scores, *_order(asked, active), asked.guessed, asked.guess)
    settings = np.array([cache.moves, prefetch.reach, logged, prefetch.patient], np.int64)
    rest = (costs, believed, settings, memory_of(cache, 0, 1), memory_of(prefetch, 0, 1))
    state = (start.copy(), np.where(resident, 0.0, np.inf), *np.zeros((2, *resident.shape), np.bool_), clock, sums, log)
    room = (np.zeros(experts), *np.zeros((3, experts, records.COLUMNS)), np.zeros((max(1, prefetch.reach), experts)))
    step = max(1, passes // SLICES)
    for first in range(0, passes, step):
        last = min(passes, first + step)
        run(first, last, *hooks, *known, *rest, *state, *room, np.zeros(3, np.int64))
        progress(last, passes)
    return Run(sums, log[: int(clock[records.LOGGED])], int(clock[records.PEAK]))


def hits(asked: Asked, active: int, start: Floats, resident: Bools, cache: Any, skip: int = 0) -> float:
    """Return the share of the experts asked for that a cache has, where all that is missing comes at once.

    The first `skip` passes do not count.
    """
    from evenly.kernel.offload.hits import visit

    staged = np.zeros(resident.shape, np.bool_)
    found = visit(
        _called(cache, "touch", records.TOUCH), asked.loads, asked.scores, *_order(asked, active), cache.moves,
        memory_of(cache, 0, 1), start.copy(), np.where(resident, 0.0, np.inf), staged, np.zeros(5),
        np.zeros(records.SUMS), skip,
    )  # fmt: skip
    return float(found) / max(1, int(np.count_nonzero(asked.loads[skip:])))


def hook(plugin: Any, verb: str, kind: Any) -> Any:
    """Return the compiled verb of a plug-in; raise `ValueError` if it is not a static method."""
    if not is_compiled(plugin, verb):
        raise ValueError(f"{type(plugin).__name__}.{verb} is called for every expert, so it is a static method")
    return compiled(plugin, verb, kind)


def _called(plugin: Any, verb: str, kind: Any) -> Any:
    return first_class(hook(plugin, verb, kind), kind)


@lru_cache(maxsize=2)  # variants share what is asked for
def _order(asked: Asked, active: int) -> tuple[Floats, Ints]:
    return ranks(asked.scores, active), following(asked.loads)


def ranks(scores: Floats, active: int) -> Floats:
    """Return the place of each expert in its layer by score, from 0, over the number that a token visits."""
    order = np.argsort(-scores, axis=2, kind="stable")
    places = np.empty(scores.shape)
    np.put_along_axis(places, order, np.broadcast_to(np.arange(scores.shape[2]) / active, scores.shape), axis=2)
    return places


def following(loads: Ints) -> Ints:
    """Return the number from 1 of the next pass that asks for each expert, and one past the last if none does.

    >>> following(np.array([[[1, 0]], [[1, 1]], [[0, 1]]]))[:, 0].tolist()
    [[2, 2], [4, 3], [4, 4]]
    """
    found = np.empty_like(loads)
    soon = np.full(loads.shape[1:], len(loads) + 1, np.int64)
    for t in range(len(loads) - 1, -1, -1):
        found[t] = soon
        soon = np.where(loads[t] > 0, t + 1, soon)
    return found
