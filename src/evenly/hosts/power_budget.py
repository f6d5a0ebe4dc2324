"""A row of processes under a power budget, held by the policies of the simulator: real work and real delays, on a CPU.

Each worker serves requests one after the other: products of small matrices, which keep the core busy like a prompt,
then copies of memory, like tokens. Its clock is a duty cycle: after each piece of work it rests in proportion. What a
worker draws is a proxy, as power meters are seldom readable: idle power, and above it that of its phase times the share
of its time in which it did not rest of its own will. So other work on the machine, which only makes pieces take longer,
changes nothing. Where the energy counter of the processor can be read, its joules stand beside.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from evenly.cluster.row.caps import Cap, Training
from evenly.core import Array, Floats, Ints
from evenly.hosts.phases.pool import attached, made
from evenly.kernel.bridge import memory_of

DUTY, PHASE, WORKED, RESTED, ANSWERED, SEED, START, STOP = range(8)  # columns of what workers and the controller share
WATTS = (0.466, 1.0, 0.797)  # idle, prompt, token: a DGX-A100 by its highest power, as modelled for a row
PACE = 1410.0  # the clock that stands for a full duty cycle
PIECES = ((30, 60), (60, 240))  # least and most pieces of work of a prompt, and of the tokens after it
PATIENCE = 60.0  # seconds after which a worker that has not begun is given up
WAITS = -1.0  # phase of a worker between two runs
COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


@dataclass(frozen=True, slots=True)
class Bench:
    """A row of workers and the machinery that steers it; times in seconds."""

    workers: int = 12
    "Of which even ones have high priority."
    full: float = 0.12
    "Share of a core that a worker takes at its highest clock."
    seconds: float = 6.0
    "Length of a run."
    tick: float = 0.05
    telemetry: float = 0.05
    actuation: float = 0.3
    latency: float = 0.1
    "From a reading above the budget to the brake."
    hold: float = 0.4
    braked: float = 0.2
    "Duty of all workers while the brake holds."
    peak: float = 0.85
    "Share of the workers' time that is asked for in the middle of the run."


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a run showed."""

    samples: Floats
    "Power by the proxy, as a share of what all workers draw at most."
    levels: Ints
    brakes: int
    answered: int
    "Requests."
    joules: float
    "Of the processor by its counter; NaN where it cannot be read."


@contextmanager
def workers(bench: Bench) -> Iterator[Floats]:
    """Start the workers, hand out the board that they share with a controller, and end them.

    Raises `ValueError` if one does not start.
    """
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
                if not line.poll(PATIENCE) or line.recv() != "ready":
                    raise ValueError(f"a worker did not start within {PATIENCE:g} s")
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


def run(bench: Bench, cap: Cap, budget: float, seed: int, board: Floats) -> Held:
    """Run the workers under a policy; `budget` is a share of what all of them draw at most."""
    board[:, WORKED : ANSWERED + 1] = 0.0
    board[:, DUTY], board[:, SEED] = bench.full, seed
    try:
        return steer(bench, cap, budget, board)
    finally:
        board[:, START] = 0.0
        while (board[:, PHASE] >= 0).any():  # until all have seen it
            time.sleep(bench.tick / 10)


def steer(bench: Bench, cap: Cap, budget: float, board: Floats) -> Held:
    """Sample, read, command and brake until the run is over: the loop of the kernel in real time."""
    memory, clocks = memory_of(cap, 0, bench.workers), np.minimum(np.array(cap.clocks), PACE)
    level, moving, landing, brake, release, brakes = 0, -1, np.inf, np.inf, np.inf, 0
    samples: list[float] = []
    levels: list[int] = []
    unread: list[tuple[float, float]] = []
    joules, seen = energy(), board.copy()
    start = time.monotonic()
    board[:, START] = start
    while (now := time.monotonic() - start) < bench.seconds:
        if now >= landing:
            level, moving, landing = moving, -1, np.inf
        if now >= brake:
            brakes, brake, release = brakes + 1, np.inf, now + bench.hold
        if now >= release:
            release = np.inf
        group = np.arange(bench.workers) % 2
        board[:, DUTY] = bench.full * (bench.braked if release < np.inf else clocks[level][group] / PACE)
        if now >= len(samples) * bench.tick:
            samples.append(power(board, seen, bench.full))
            levels.append(level)
            unread.append((now + bench.telemetry, samples[-1] / budget))
        while unread and unread[0][0] <= now:
            p = unread.pop(0)[1]
            if cap.guarded and p > 1.0 and brake == np.inf and release == np.inf:
                brake = now + bench.latency
            wanted = cap.choose(now, p, level, moving, memory)
            if moving < 0 and wanted != level:
                moving, landing = wanted, now + bench.actuation
        time.sleep(bench.tick / 10)
    answered = int(board[:, ANSWERED].sum())
    return Held(np.array(samples), np.array(levels), brakes, answered, energy() - joules)


def power(board: Floats, seen: Floats, full: float) -> float:
    """Return what all workers draw by the proxy, as a share of the most; `seen` is updated to now."""
    new = board.copy()
    worked, rested = new[:, WORKED] - seen[:, WORKED], new[:, RESTED] - seen[:, RESTED]
    seen[:] = new
    whole = worked + rested
    duty = np.divide(worked, whole, out=new[:, DUTY].copy(), where=whole > 0)  # none ended: the duty it was given
    phase = np.maximum(new[:, PHASE], 0).astype(np.int64)
    above = np.array(WATTS)[phase] - WATTS[0]
    return float((WATTS[0] + above * np.minimum(duty / full, 1.0)).mean() / WATTS[1])


def energy() -> float:
    """Return the joules that the processor's counter shows, or NaN if there is none to read."""
    try:
        return int(COUNTER.read_text()) * 1e-6
    except (OSError, ValueError):
        return float("nan")


def work(line: Connection, name: str, bench: Bench, worker: int) -> None:
    """Serve one run after the other, until told to stop or left alone."""
    from threadpoolctl import threadpool_limits

    matrix, block = np.full((96, 96), 1e-3, np.float32), np.zeros(1 << 19, np.float32)
    tools, parent = (matrix, block, np.empty_like(block)), os.getppid()
    with attached(name) as memory, threadpool_limits(1):
        own: Array = np.ndarray((bench.workers, STOP + 1), np.float64, memory.buf)[worker]
        each = timed(*tools)
        own[PHASE] = WAITS
        line.send("ready")
        while not own[STOP] and os.getppid() == parent:
            if own[START]:
                serve(own, arrivals(np.random.default_rng([int(own[SEED]), 41, worker]), bench, each), tools)
                own[PHASE] = WAITS
            time.sleep(0.002)
        del own


def serve(own: Any, jobs: list[tuple[float, tuple[int, int]]], tools: tuple[Array, Array, Array]) -> None:
    """Serve the requests of a run as they arrive, one after the other, until the run is over."""
    parent = os.getppid()
    for arrival, pieces in [*jobs, (np.inf, (0, 0))]:
        own[PHASE] = 0.0
        while time.monotonic() - own[START] < arrival:
            if not own[START] or own[STOP] or os.getppid() != parent:
                return
            time.sleep(0.002)
        for phase, count in enumerate(pieces, 1):
            own[PHASE] = phase
            for _ in range(count):
                if not own[START] or own[STOP]:
                    return
                piece(own, phase, *tools)
        own[ANSWERED] += 1


def piece(own: Any, phase: int, matrix: Array, block: Array, copy: Array) -> None:
    """Do one piece of work, and rest so that the share of time worked is the duty."""
    begin = time.process_time()
    compute(phase, matrix, block, copy)
    took = time.process_time() - begin
    rest = took * (1.0 / own[DUTY] - 1.0)
    time.sleep(rest)
    own[WORKED] += took
    own[RESTED] += rest


def compute(phase: int, matrix: Array, block: Array, copy: Array) -> None:
    """Multiply matrices in a prompt, copy memory for tokens."""
    if phase == 1:
        for _ in range(3):
            matrix @ matrix
    else:
        np.copyto(copy, block)


def timed(matrix: Array, block: Array, copy: Array, rounds: int = 20) -> float:
    """Return the seconds of processor time that a piece takes, the mean of both kinds."""
    begin = time.process_time()
    for _ in range(rounds):
        compute(1, matrix, block, copy)
        compute(2, matrix, block, copy)
    return (time.process_time() - begin) / (2 * rounds)


def arrivals(chance: np.random.Generator, bench: Bench, each: float) -> list[tuple[float, tuple[int, int]]]:
    """Return times and pieces of the requests of a worker: more in the middle of the run, by how fast it works."""
    mean = sum(sum(bounds) / 2 for bounds in PIECES) * each / bench.full
    times = np.sort(chance.uniform(0.0, bench.seconds, chance.poisson(bench.peak * bench.seconds / mean)))
    kept = times[chance.uniform(0.0, 1.0, len(times)) < 0.55 - 0.45 * np.cos(2 * np.pi * times / bench.seconds)]
    (few, most), (least, top) = PIECES
    return [(float(t), (int(chance.integers(few, most + 1)), int(chance.integers(least, top + 1)))) for t in kept]


def training(bench: Bench, samples: Floats, budget: float) -> Training:
    """Return what a run without caps teaches a policy."""

    def saved(clocks: tuple[float, float]) -> float:
        return 1.0 - float(np.mean(np.minimum(clocks, PACE))) / PACE

    return Training(samples / budget, bench.tick, bench.telemetry, bench.actuation, WATTS[0] / budget, saved)
