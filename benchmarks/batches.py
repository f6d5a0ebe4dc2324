"""Deals of a global batch: the planner's time for each partitioner, beside the code that trainers ship."""

import heapq
import time
from collections.abc import Callable
from itertools import count

import numpy as np

from benchmarks.figures import Figure
from evenly.core import Floats, Ints
from evenly.papers.training_baselines import PARTITIONERS
from evenly.train.batches.corpora.wikipedia import Wikipedia

SIZES = ((8, 56), (64, 56))
ROUNDS = 9
LIMIT = 0.02  # CPU seconds of a global batch of 3,584 sequences on 64 ranks; a step takes longer by far
PEAK = 0.002  # by how much the fullest rank of differencing may exceed the mean one


def sets(sizes: Floats, parts: int) -> Ints:
    """Return largest differencing with equal counts as objects of sums and lists of items, as trainers write it."""
    order = np.argsort(sizes, kind="stable").tolist()
    serial, heap = count(), []
    for first in range(0, len(order), parts):
        state = sorted(((float(sizes[k]), [k]) for k in order[first : first + parts]), reverse=True)
        heap.append((state[-1][0] - state[0][0], next(serial), state))
    heapq.heapify(heap)
    while len(heap) > 1:
        (_, _, one), (_, _, other) = heapq.heappop(heap), heapq.heappop(heap)
        pairs = zip(one, reversed(other), strict=True)
        state = sorted(((a + b, items + more) for (a, items), (b, more) in pairs), reverse=True)
        heapq.heappush(heap, (state[-1][0] - state[0][0], next(serial), state))
    home = np.empty(len(sizes), np.int64)
    for part, (_, items) in enumerate(heap[0][2]):
        home[items] = part
    return home


def measure() -> list[Figure]:
    """Return CPU milliseconds of a deal, best of nine, and what is left uneven."""
    figures = []
    for ranks, batch in SIZES:
        sizes = Wikipedia().draw(ranks * batch, np.random.default_rng(1)).astype(np.float64)
        deals: dict[str, Callable[[Floats, int], Ints]] = {name: p.split for name, p in PARTITIONERS.items()}
        for name, split in {**deals, "differencing as objects": sets}.items():
            taken, home = best(split, sizes, ranks)
            tokens = np.bincount(home, sizes, ranks)
            told = f"{name}, {ranks} ranks of {batch}"
            ours = name in deals
            figures.append(Figure(told, taken, "CPU s", LIMIT if ours else None))
            limit = PEAK if name == "differencing" else None
            figures.append(Figure(f"{told}: fullest rank above the mean", tokens.max() / tokens.mean() - 1, "", limit))
    return figures


def best(split: Callable[[Floats, int], Ints], sizes: Floats, ranks: int) -> tuple[float, Ints]:
    """Return the least CPU time of several deals, and the deal."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        home = split(sizes, ranks)
        times.append(time.process_time() - begin)
    return min(times), home
