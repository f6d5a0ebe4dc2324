"""One side: a process on a core of its own that computes the experts it is told to."""

import os
import time
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from evenly.core import Ints
from evenly.hosts.experts.network import Reals, Size, computed, torch

Task = list[tuple[int, int, Ints, Reals]]
"""Of each expert in order: its place in memory, the job that brings it there (0: it is there), tokens, weights."""
NAP = 50e-6  # seconds between two looks at the link


def work(line: Connection, core: int | None, names: tuple[str, str, str], size: Size, places: int, side: int) -> None:
    """Compute tasks until told to stop; answer with the seconds of each expert.

    `names` are the memories of weights, of arrivals, and of states: inputs, then the sums of both sides. Side 0, the
    CPU, computes token by token, as kernels for single tokens do; side 1, the device, all tokens of an expert at once.
    """
    if core is not None:
        os.sched_setaffinity(0, {core})
    torch().set_num_threads(1)
    memories = [SharedMemory(name=name) for name in names]
    weights: Reals = np.ndarray((places, size.floats), np.float32, memories[0].buf)
    arrived: Ints = np.ndarray(places, np.int64, memories[1].buf)
    states: Reals = np.ndarray((3, size.batch, size.width), np.float32, memories[2].buf)
    computed(weights[0], size, states[0, :1])  # the first call of a process is slow
    line.send("ready")
    while (task := line.recv()) is not None:
        total = states[1 + side]
        total[:] = 0.0
        taken = []
        for place, job, tokens, weight in task:
            while job and arrived[place] != job:
                time.sleep(NAP)
            start = time.perf_counter()
            groups = [tokens] if side else tokens[:, None]
            for group, part in zip(groups, [weight] if side else weight[:, None], strict=True):
                total[group] += part[:, None] * computed(weights[place], size, states[0, group])
            taken.append(time.perf_counter() - start)
        line.send(taken)
    del weights, arrived, states, total
    for memory in memories:
        memory.close()
