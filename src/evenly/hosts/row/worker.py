"""A worker of a row: it serves the requests of one run after the other, at the duty that the board gives it."""

import os
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from evenly.core import Array
from evenly.hosts.phases.pool import attached
from evenly.hosts.row.bench import ANSWERED, DUTY, PHASE, RESTED, SEED, START, STOP, WAITS, WORKED, Bench

PIECES = ((15, 30), (30, 120))  # least and most pieces of work of a prompt, and of the tokens after it
NAP = 0.005  # seconds between two looks at the board
PROMPT = 1  # the phase; the tokens after it are 2
Tools = tuple[Array, Array, Array]
"""A matrix to multiply, a block of memory and the place that it is copied to."""


def work(line: Connection, name: str, bench: Bench, worker: int) -> None:
    """Serve one run after the other, until told to stop or left alone."""
    from threadpoolctl import threadpool_limits

    block = np.zeros(1 << 19, np.float32)
    tools, parent = (np.full((96, 96), 1e-3, np.float32), block, np.empty_like(block)), os.getppid()
    with attached(name) as memory, threadpool_limits(1):
        own: Array = np.ndarray((bench.workers, STOP + 1), np.float64, memory.buf)[worker]
        each = timed(tools)
        own[PHASE] = WAITS
        line.send("ready")
        while not own[STOP] and os.getppid() == parent:
            if own[START]:
                serve(own, arrivals(np.random.default_rng([int(own[SEED]), 41, worker]), bench, each), tools, parent)
                own[PHASE] = WAITS
            time.sleep(NAP)
        del own


def serve(own: Any, jobs: list[tuple[float, tuple[int, int]]], tools: Tools, parent: int) -> None:
    """Serve the requests of a run as they arrive, one after the other, until the run is over."""
    for arrival, pieces in [*jobs, (np.inf, (0, 0))]:
        own[PHASE] = 0.0
        while time.monotonic() - own[START] < arrival:
            if not own[START] or own[STOP] or os.getppid() != parent:
                return
            time.sleep(NAP)
        for phase, count in enumerate(pieces, PROMPT):
            own[PHASE] = phase
            for _ in range(count):
                if not own[START] or own[STOP]:
                    return
                piece(own, phase, tools)
        own[ANSWERED] += 1


def piece(own: Any, phase: int, tools: Tools) -> None:
    """Do one piece of work, and rest so that the share of time worked is the duty."""
    begin = time.process_time()
    compute(phase, tools)
    took = time.process_time() - begin
    rest = took * (1.0 / own[DUTY] - 1.0)
    time.sleep(rest)
    own[WORKED] += took
    own[RESTED] += rest


def compute(phase: int, tools: Tools) -> None:
    """Multiply matrices in a prompt, copy memory for tokens."""
    matrix, block, copy = tools
    if phase == PROMPT:
        for _ in range(3):
            matrix @ matrix
    else:
        np.copyto(copy, block)


def timed(tools: Tools, rounds: int = 20) -> float:
    """Return the seconds of processor time that a piece takes, the mean of both kinds."""
    begin = time.process_time()
    for _ in range(rounds):
        compute(PROMPT, tools)
        compute(PROMPT + 1, tools)
    return (time.process_time() - begin) / (2 * rounds)


def arrivals(chance: np.random.Generator, bench: Bench, each: float) -> list[tuple[float, tuple[int, int]]]:
    """Return times and pieces of the requests of a worker: more in the middle of the run, by how fast it works."""
    mean = sum(sum(bounds) / 2 for bounds in PIECES) * each / bench.full
    times = np.sort(chance.uniform(0.0, bench.seconds, chance.poisson(bench.peak * bench.seconds / mean)))
    kept = times[chance.uniform(0.0, 1.0, len(times)) < 0.55 - 0.45 * np.cos(2 * np.pi * times / bench.seconds)]
    (few, most), (least, top) = PIECES
    return [(float(t), (int(chance.integers(few, most + 1)), int(chance.integers(least, top + 1)))) for t in kept]
