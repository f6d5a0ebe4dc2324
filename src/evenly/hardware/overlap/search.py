"""Find schedules of a layer: who runs when, and on which share of the device."""

from collections.abc import Sequence
from graphlib import TopologicalSorter
from itertools import product
from typing import Literal

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.overlap.graph import CHUNK, Graph, Split, graph, published
from evenly.hardware.overlap.interference import SHARES, Interference
from evenly.hardware.overlap.profile import Profile
from evenly.hardware.overlap.schedule import Schedule

MOVES = 4000  # of one restart
FEW = 3  # splits that get all restarts
WARM_UP = 12  # layers that a split is tried with
SEEDS = tuple(range(6))  # of the restarts; the best one counts, and three leave a twentieth of a millisecond to luck
Overlap = Literal["all", "network", "none"]
# Which streams the resources stand in: one each, decode attention between the matrix products, or one line for all.
STREAMS: dict[Overlap, tuple[int, int, int]] = {"all": (0, 1, 2), "network": (0, 0, 1), "none": (0, 0, 0)}


def search(
    of: Graph,
    interference: Interference | None = None,
    overlap: Overlap = "all",
    layers: int = 80,
    seeds: Sequence[int] = SEEDS,
    moves: int = MOVES,
) -> Schedule:
    """Return the best schedule of several restarts, placed for all layers.

    Without interference the stages of the search are one: order alone. With it, the order found without it is where the
    search for order and shares begins.
    """
    found = [one(of, interference, overlap, layers, seed, moves) for seed in seeds]
    return min(found, key=lambda schedule: schedule.period)


def one(
    of: Graph, interference: Interference | None, overlap: Overlap, layers: int, seed: int, moves: int = MOVES
) -> Schedule:
    """Return the schedule of one restart."""
    from evenly.hardware.overlap.moves import anneal, place

    stream = np.array(STREAMS[overlap], np.int64)[of.resource]
    edges = np.array(of.edges, np.int64).reshape(-1, 3)
    plan = np.stack((_first(of), np.zeros(len(of.nanos), np.int64), np.full(len(of.nanos), len(SHARES) - 1)))
    order, stage, level = plan
    fixed = (edges, of.seconds, of.resource, stream)
    anneal(plan, *fixed, np.empty((3, 0)), moves, seed)
    speed = np.ones((3, len(SHARES)))
    if interference is not None and overlap != "none":
        speed = interference.speeds()
        level[:] = _alike(order, stage, fixed, speed)
        found = anneal(plan, *fixed, speed, moves, seed)
        if found > of.sequential:
            level[:] = len(SHARES) - 1  # the whole device for each: one after the other
    length = of.seconds / speed[of.resource, level]
    share = SHARES[level]
    out = np.empty((len(order), 2 * layers))
    held = share if interference is not None else np.zeros_like(share)
    place(order, stage, edges, length, held, stream, layers, 0, out)
    return Schedule(of, out[:, ::2].copy(), out[:, 1::2].copy(), share, interference)


def fitted(
    profile: Profile,
    batch: int,
    decode: int,
    context: float,
    interference: Interference | None,
    overlap: Overlap = "all",
    layers: int = 80,
    seeds: Sequence[int] = SEEDS,
    moves: int = MOVES,
) -> Schedule:
    """Return the best schedule over the ranges too: every split is tried once, the best few get all restarts.

    Ties, such as all of them without overlap, go to the published split. Raises `ValueError` for too small a batch.
    """
    graphs = [graph(profile, split, context) for split in splits(profile, batch, decode)]
    if overlap == "none":
        return one(graphs[0], interference, overlap, layers, seeds[0], 1)
    tried = [one(of, interference, overlap, WARM_UP, seeds[0], moves).period for of in graphs]
    best = np.argsort(tried, kind="stable")[:FEW]
    return min((search(graphs[k], interference, overlap, layers, seeds, moves) for k in best), key=lambda s: s.period)


def splits(profile: Profile, batch: int, decode: int) -> list[Split]:
    """Return splits to choose from: the published one first, then others with fewer cuts and a first part of any size.

    The first nano-batch holds a quarter to a half of the tokens; its attention, and the gather of the second one, are
    cut once more, as published, or not.
    """
    start = published(profile, batch, decode)
    found = [start]
    for first in range(-(-batch // 4 // CHUNK) * CHUNK, batch // 2 + 1, CHUNK):
        inner = [cut for cut in start.query if cut < first]
        later = [cut for cut in start.query if cut > first]
        ends = [cut for cut in start.gather[1:] if cut > first]
        for cuts, gather in product((inner, inner[:1]), (ends, ends[-1:])):
            query = tuple(sorted({*cuts, first, *later}))
            attention = sorted({cut for cut in (*cuts, first, *gather, decode) if cut <= decode})
            bounds = (first, *gather) if start.gather else ()
            found.append(Split(batch, decode, first, query, tuple(attention) if decode else (), bounds))
    return list(dict.fromkeys(found))


def _alike(order: Ints, stage: Ints, fixed: tuple[Ints, Floats, Ints, Ints], speed: Floats) -> Ints:
    """Return the best shares among those that are the same for all operations of a resource and fit beside each other.

    From the whole device for everybody no single change leads to an overlap, so the search must not begin there.
    """
    from evenly.hardware.overlap.moves import LAYERS, WARM, place

    edges, seconds, resource, stream = fixed
    out = np.empty((len(order), 2 * LAYERS))
    least, best = np.inf, np.full(len(order), len(SHARES) - 1)
    for levels in product(range(len(SHARES)), repeat=3):
        if sum(levels) + 3 > len(SHARES):
            continue
        level = np.array(levels)[resource]
        period = place(order, stage, edges, seconds / speed[resource, level], SHARES[level], stream, LAYERS, WARM, out)
        if period < least:
            least, best = period, level
    return best


def _first(of: Graph) -> Ints:
    """Return an order in which everything comes after what it waits for, earliest range first."""
    waits: dict[int, set[int]] = {k: set() for k in range(len(of.nanos))}
    for before, after, layers in of.edges:
        if layers == 0:
            waits[after].add(before)
    return np.array([*TopologicalSorter(waits).static_order()], np.int64)
