"""What copies by groups are worth on this machine, and whether contexts survive being moved."""

import hashlib
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import numpy as np

from evenly.core import Ints
from evenly.hosts.arenas.arena import Halves, arena, copy
from evenly.hosts.arenas.memory import Memory
from evenly.hosts.arenas.storm import OWNERS, Storm
from evenly.hosts.arenas.switching import Switching
from evenly.hosts.decoder import Network, Shape
from evenly.hosts.phases.serve import Text

ARRAYS = 64  # keys and values of 32 layers
GROUP = 20  # pages
GROUPS = 10  # of an arena, all copied in a round
SIZES = (1, 2, 4, 8, 16, 32)  # KB of a page in one array
SHIFT = 16  # bytes between arenas modulo 4,096 at which copies of groups are slow on the machine that was measured
CORES = 1.8  # effective cores below which two threads cannot show an overlap
SHAPE = Shape(layers=2, width=32, heads=2, vocabulary=200, context=256)


def copying(seed: int, rounds: int = 7) -> dict[str, float]:
    """Return how many times less CPU time 20 pages take as a group than page by page, `gain_1` for pages of 1 KB.

    64 arrays, one thread, memory that was touched before, the best of several rounds of each, in turn. Arenas begin on
    a page of the operating system; `shifted_1` and so on are for a target that begins 16 bytes later.
    """
    chance = np.random.default_rng(seed)
    figures = {}
    for name, shift in (("gain", 0), ("shifted", SHIFT)):
        for size in SIZES:
            shape = (ARRAYS, GROUP * GROUPS, size << 9)
            here, there = (GROUP * chance.permutation(GROUPS) for _ in range(2))
            long = np.column_stack([here, there, np.full(GROUPS, GROUP)])
            single = np.repeat(long, GROUP, axis=0)
            single[:, :2] += np.tile(np.arange(GROUP), GROUPS)[:, None]
            single[:, 2] = 1
            pages, grouped = _times(arena(*shape), arena(*shape, shift), (single, long), rounds)
            figures[f"{name}_{size}"] = pages / grouped
    return figures


def _times(source: Halves, target: Halves, ways: tuple[Ints, Ints], rounds: int) -> tuple[float, float]:
    """Return the least CPU seconds of each way to copy the same pages."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for k, moves in enumerate(ways):
            start = time.process_time()
            copy(source, target, moves)
            best[k] = min(best[k], time.process_time() - start)
    return best[0], best[1]


def cores() -> float:
    """Return how many cores two threads get: twice the time of one piece of work over that of two side by side."""
    blob = bytes(1 << 25)

    def work() -> None:
        hashlib.sha256(blob).digest()  # holds no lock

    alone = min(_seconds(work) for _ in range(3))
    return 2.0 * alone / min(_beside(work, work) for _ in range(3))


def unlocked(work: Callable[[], object]) -> bool:
    """Tell whether another thread of Python gets to run while this work does, in any of five tries.

    Nobody is made to hand on the interpreter lock meanwhile, so that what holds it throughout is never interrupted.
    """
    count, stop, running = [0], Event(), Event()

    def tick() -> None:
        while not stop.is_set():
            count[0] += 1
            running.set()
            time.sleep(0)  # hands on the lock

    before, seen = sys.getswitchinterval(), 0
    sys.setswitchinterval(60.0)
    thread = Thread(target=tick, daemon=True)
    thread.start()
    try:
        running.wait()
        for _ in range(5):
            start = count[0]
            work()
            seen += count[0] - start
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
    return seen > 0


def copied() -> None:
    """Copy 64 MB in one slice, which takes long enough for another thread to run."""
    source = np.zeros(1 << 25, np.float16)
    np.empty_like(source)[:] = source


def overlapping(seed: int) -> dict[str, float]:
    """Return `cores`, and `hidden`: the part of the time of copies in % that passes while another thread computes.

    `hidden` is not a number below 1.8 effective cores, where it cannot be measured.
    """
    from threadpoolctl import threadpool_limits

    found = cores()
    if found < CORES:
        return {"cores": found, "hidden": float("nan")}
    matrix = np.random.default_rng(seed).standard_normal((512, 512)).astype(np.float32)
    source, target = (arena(ARRAYS, GROUP * GROUPS, 2 << 9) for _ in range(2))
    moves = np.array([[0, 0, GROUP * GROUPS]] * 20)

    def move() -> None:
        copy(source, target, moves)

    with threadpool_limits(1):
        moved = min(_seconds(move) for _ in range(3))
        product = min(_seconds(lambda: matrix @ matrix) for _ in range(3))
        repeats = 1 + int(2.0 * moved / product)

        def compute() -> None:
            for _ in range(repeats):
                matrix @ matrix

        computed = min(_seconds(compute) for _ in range(3))
        both = min(_beside(compute, move) for _ in range(3))
    return {"cores": found, "hidden": 100.0 * (computed + moved - both) / moved}


def switching(seed: int) -> dict[str, float]:
    """Return what 16 texts show on a device that holds a few of them, and random swaps beside them.

    `tokens`: those that differ from a run without switches; `bits`: half words that came back otherwise; `early`: pages
    used before an earlier copy of them was complete; `switches` and `copies`: contexts that left, and copies in all.
    """
    calm = Switching(_texts(seed), Network(SHAPE, seed), seed, device=100, host=1)
    stirred = Switching(_texts(seed), Network(SHAPE, seed), seed, device=12, host=40)
    expected, found = calm.serve(), stirred.serve()
    assert calm.switches == calm.anew == 0
    with Memory(8, 2048, device=60, host=80, owners=OWNERS) as memory:
        storm = Storm(memory, seed)
        storm.rage(2000)
    apart = sum(one != other for name in expected for one, other in zip(expected[name], found[name], strict=True))
    shadows = (memory.shadow, stirred.memory.shadow)
    return {
        "tokens": float(apart),
        "bits": float(storm.wrong + stirred.wrong),
        "early": float(sum(shadow.early for shadow in shadows)),
        "switches": float(stirred.switches),
        "copies": float(sum(shadow.copies for shadow in shadows)),
    }


def _texts(seed: int) -> dict[int, Text]:
    chance = np.random.default_rng([seed, 13])
    sizes = zip(chance.integers(1, 60, 16), chance.integers(5, 40, 16), strict=True)
    return {i: Text(chance.integers(0, SHAPE.vocabulary, size), int(output)) for i, (size, output) in enumerate(sizes)}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _beside(one: Callable[[], None], other: Callable[[], None]) -> float:
    """Return the seconds until both have ended, each on a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        start = time.perf_counter()
        ahead = pool.submit(one)
        other()
        ahead.result()
        return time.perf_counter() - start
