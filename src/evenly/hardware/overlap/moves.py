"""Simulated annealing over schedules, compiled; imported by `search` alone, when it searches.

A schedule is a cyclic order of the nano-operations, a number of layers by which each runs ahead or behind, `stage`,
and the share of the device that each holds. Operations are placed in that order, layer after layer: each as early as
what it waits for, its stream, and the shares of those that run allow.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from evenly.core import Floats, Ints

LAYERS = 12  # that a trial is unrolled to
WARM = 4  # of them not counted: the pipeline fills
SLACK = 1e-9  # by which shares may exceed the device, for rounding
HOT, COLD = 0.005, 0.0002  # first and last temperature, as a part of the period: moves that cost more are seldom taken
ORDER, SINGLE = 0.5, 0.8  # share of the moves that change the order; of the others, those that change one share
APART = 2  # most layers that operations run ahead of others
WINDOW = 6  # most neighbours whose shares change together


F = TypeVar("F", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[F], F]:
    """Compile a function now, for exactly this signature; numba keeps it on disk as long as this file stays."""
    made: Callable[[F], F] = numba.njit(signature, cache=True)
    return made


@compiled("float64(uint64[::1])")
def drawn(state: Any) -> float:
    """Return the next of a sequence of numbers in [0, 1): splitmix64, so that a seed means the same everywhere."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 9007199254740992.0


@compiled("float64(float64, float64, float64, int64, int64, float64[:,::1], int64[::1])")
def earliest(t: float, length: float, held: float, own: int, streams: int, placed: Floats, count: Ints) -> float:
    """Return the earliest time from `t` at which `held` of the device is free for so long.

    `placed[stream]` is begin, end and share of what runs on a stream, flat, in order of time.
    """
    moved = True
    while moved:
        moved = False
        for s in range(streams):
            if s == own:
                continue
            for k in range(count[s] - 1, -1, -1):
                begin, end = placed[s, 3 * k], placed[s, 3 * k + 1]
                if end <= t:
                    break
                if begin >= t + length:
                    continue
                at = max(begin, t)  # the use of the device changes where something begins
                used = held
                for r in range(streams):
                    if r == own:
                        continue
                    for m in range(count[r] - 1, -1, -1):
                        if placed[r, 3 * m + 1] <= at:
                            break
                        if placed[r, 3 * m] <= at:
                            used += placed[r, 3 * m + 2]
                if used > 1.0 + SLACK:
                    t = end
                    moved = True
                    break
            if moved:
                break
    return t


@compiled("float64(int64, int64, int64[:,::1], float64[:,::1], float64)")
def ready(i: int, layer: int, edges: Ints, out: Floats, t: float) -> float:
    """Return when all that an operation of a layer waits for has ended, at least `t`."""
    for e in range(len(edges)):
        if edges[e, 1] == i and layer >= edges[e, 2]:
            t = max(t, out[edges[e, 0], 2 * (layer - edges[e, 2]) + 1])
    return t


@compiled("boolean(int64[::1], int64[::1], int64[:,::1])")
def follows(order: Ints, stage: Ints, edges: Ints) -> bool:
    """Tell whether everything is placed after what it waits for, of its own layer or of the one before."""
    position = np.empty(len(order), np.int64)
    for k in range(len(order)):
        position[order[k]] = k
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        apart = stage[b] - stage[a] + edges[e, 2]
        if apart < 0 or (apart == 0 and position[a] > position[b]):
            return False
    return True


@compiled(
    "float64(int64[::1], int64[::1], int64[:,::1], float64[::1], float64[::1], int64[::1], int64, int64,"
    " float64[:,::1])"
)
def place(
    order: Ints,
    stage: Ints,
    edges: Ints,
    length: Floats,
    share: Floats,
    stream: Ints,
    layers: int,
    warm: int,
    out: Floats,
) -> float:
    """Fill `out[operation, 2 layer]` with begin, the next column with end; return the period after `warm` layers.

    Infinite if an operation would come before what it waits for.
    """
    n = len(order)
    if not follows(order, stage, edges):
        return np.inf
    streams = stream.max() + 1
    least, most = stage.min(), stage.max()
    placed = np.empty((streams, 3 * n * layers))
    count = np.zeros(streams, np.int64)
    early, late = 0.0, 0.0
    for turn in range(least, layers + most):
        for k in range(n):
            i = order[k]
            layer = turn - stage[i]
            if layer < 0 or layer >= layers:
                continue
            s = stream[i]
            t = ready(i, layer, edges, out, placed[s, 3 * count[s] - 2] if count[s] > 0 else 0.0)
            if share[i] > 0.0:
                t = earliest(t, length[i], share[i], s, streams, placed, count)
            end = t + length[i]
            place_at = 3 * count[s]
            placed[s, place_at], placed[s, place_at + 1], placed[s, place_at + 2] = t, end, share[i]
            count[s] += 1
            out[i, 2 * layer], out[i, 2 * layer + 1] = t, end
            late = max(late, end)
            if layer < warm:
                early = max(early, end)
    return (late - early) / (layers - warm)


@compiled("void(int64[::1], int64[::1], uint64[::1])")
def shift(order: Ints, stage: Ints, state: Any) -> None:
    """Move one operation along the cycle; past its end it is due a layer later, past its begin a layer earlier."""
    n = len(order)
    here = int(drawn(state) * n)
    i = order[here]
    step = 1 + int(drawn(state) ** 2 * (n - 1))
    there = here + step if drawn(state) < 0.5 else here - step
    if there >= n:
        stage[i] += 1
        there -= n
    elif there < 0:
        stage[i] -= 1
        there += n
    way = 1 if there > here else -1
    while here != there:
        order[here] = order[here + way]
        here += way
    order[there] = i


@compiled("void(int64[::1], int64[::1], int64[::1], int64, uint64[::1])")
def trade(order: Ints, level: Ints, stream: Ints, levels: int, state: Any) -> None:
    """Change the share of one operation by a step, or deal the device out among neighbours in the cycle.

    One change alone would often only make room that nobody takes.
    """
    n = len(order)
    if drawn(state) < SINGLE:
        i = int(drawn(state) * n)
        level[i] = min(levels - 1, max(0, level[i] + (1 if drawn(state) < 0.5 else -1)))
        return
    here, width, part = int(drawn(state) * n), 2 + int(drawn(state) * (WINDOW - 1)), int(drawn(state) * (levels - 1))
    for k in range(here, here + width):
        i = order[k % n]
        level[i] = levels - 2 - part if stream[i] == 0 else part


@compiled("void(int64[::1], float64[::1], int64[::1], float64[:,::1], float64[::1], float64[::1])")
def lasting(level: Ints, seconds: Floats, kind: Ints, speed: Floats, length: Floats, share: Floats) -> None:
    """Fill in how long each operation lasts, and which share it holds; none if nothing interferes."""
    levels = speed.shape[1]
    for i in range(len(level)):
        length[i] = seconds[i] if levels == 0 else seconds[i] / speed[kind[i], level[i]]
        share[i] = 0.0 if levels == 0 else (level[i] + 1.0) / levels


@compiled("float64(int64[:,::1], int64[:,::1], float64[::1], int64[::1], int64[::1], float64[:,::1], int64, int64)")
def anneal(
    plan: Ints, edges: Ints, seconds: Floats, kind: Ints, stream: Ints, speed: Floats, moves: int, seed: int
) -> float:
    """Leave the best schedule found in the rows of `plan`: order, stage and level; return its period.

    A level picks a column of `speed`; without columns nothing interferes. `kind` is the row of each operation, `stream`
    the line that it stands in.
    """
    order, stage, level = plan[0], plan[1], plan[2]
    n, levels = len(order), speed.shape[1]
    state = np.zeros(1, np.uint64)
    state[0] = np.uint64(seed)
    length, share, out = np.empty(n), np.zeros(n), np.empty((n, 2 * LAYERS))
    lasting(level, seconds, kind, speed, length, share)
    now = place(order, stage, edges, length, share, stream, LAYERS, WARM, out)
    best, best_plan, old_plan = now, plan.copy(), plan.copy()
    for move in range(moves):
        if levels == 0 or drawn(state) < ORDER:
            shift(order, stage, state)
        else:
            trade(order, level, stream, levels, state)
        lasting(level, seconds, kind, speed, length, share)
        found = np.inf
        if stage.max() - stage.min() <= APART:
            found = place(order, stage, edges, length, share, stream, LAYERS, WARM, out)
        heat = best * HOT * (COLD / HOT) ** (move / moves)
        if found <= now or drawn(state) < np.exp((now - found) / heat):
            now = found
            old_plan[:] = plan
            if found < best:
                best = found
                best_plan[:] = plan
        else:
            plan[:] = old_plan
    plan[:] = best_plan
    return best
