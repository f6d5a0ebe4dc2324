"""Deals of a global batch: the planner's time for each partitioner, and what is left uneven."""

import time

import numpy as np

from benchmarks.figures import Figure
from evenly.balance.partitioners import Partitioner
from evenly.core import Floats, Ints
from evenly.papers.training_baselines import PARTITIONERS
from evenly.train.batches.corpora.wikipedia import Wikipedia

SIZES = ((8, 56), (64, 56))
ROUNDS = 9
LIMIT = 0.02  # CPU seconds of a global batch; a step takes a hundred times as long
PEAK = {"longest": 0.1, "differencing": 0.02}  # % by which the fullest rank may exceed the mean one


def measure() -> list[Figure]:
    """Return CPU seconds of a deal, best of nine, and by how much the fullest rank has more tokens."""
    figures = []
    for ranks, batch in SIZES:
        sizes = Wikipedia().draw(ranks * batch, np.random.default_rng(1)).astype(np.float64)
        for name, partition in PARTITIONERS.items():
            taken, home = best(partition, sizes, ranks)
            tokens = np.bincount(home, sizes, ranks)
            told = f"{name}, {ranks} ranks of {batch}"
            above = 100.0 * float(tokens.max() / tokens.mean() - 1.0)
            figures.append(Figure(told, taken, "CPU s", LIMIT))
            figures.append(Figure(f"{told}: fullest rank above the mean", above, "%", PEAK.get(name)))
    return figures


def best(partition: Partitioner, sizes: Floats, ranks: int) -> tuple[float, Ints]:
    """Return the least CPU time of several deals, and the deal."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        home = partition.split(sizes, ranks)
        times.append(time.process_time() - begin)
    return min(times), home
