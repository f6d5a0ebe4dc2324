"""The machinery of a row of processes, and the board on which they and their controller write."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.hosts.phases.pool import made

DUTY, PHASE, WORKED, RESTED, ANSWERED, SEED, START, STOP = range(8)  # columns of the board, a row a worker
WAITS = -1.0  # phase of a worker between two runs
PATIENCE = 60.0  # seconds after which a worker that says nothing is given up


@dataclass(frozen=True, slots=True)
class Bench:
    """A row of workers and the machinery that steers it; times in seconds."""

    workers: int = 12
    "Of which even ones have high priority."
    full: float = 0.06
    "Share of a core that a worker takes at its highest clock."
    seconds: float = 4.0
    "Length of a run."
    tick: float = 0.05
    "Between two samples."
    telemetry: float = 0.05
    "From a sample to its reading."
    actuation: float = 0.3
    "From a command to new clocks."
    latency: float = 0.1
    "From a reading above the budget to the brake."
    hold: float = 0.4
    "Of the brake."
    braked: float = 0.2
    "Duty of all workers while the brake holds, a share of the full one."
    peak: float = 0.85
    "Share of the workers' time that is asked for in the middle of the run."


@contextmanager
def workers(bench: Bench) -> Iterator[Floats]:
    """Start the workers, hand out the board that they share with a controller, and end them.

    Raises `RuntimeError` if one does not start.
    """
    from evenly.hosts.row.worker import work

    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numpy's products half
    with made(8 * bench.workers * (STOP + 1)) as memory:
        board = np.ndarray((bench.workers, STOP + 1), np.float64, memory.buf)
        lines, processes = [], []
        try:
            for worker in range(bench.workers):
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(theirs, memory.name, bench, worker), daemon=True)
                process.start()
                theirs.close()
                lines.append(ours)
                processes.append(process)
            for line in lines:
                if not line.poll(PATIENCE):
                    raise RuntimeError(f"a worker did not start within {PATIENCE:g} s")
                line.recv()
            yield board
        finally:
            board[:, STOP] = 1.0
            for process in processes:
                process.join(PATIENCE)
                if process.is_alive():
                    process.kill()
            for line in lines:
                line.close()
            del board
