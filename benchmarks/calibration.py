"""A fixed piece of work whose CPU time turns every other figure into a ratio."""

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LOOPS = 1_000_000
SORTED = 1_000_000
KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure was measured on."""

    processor: str
    cores: int
    memory_gib: float
    python: str
    numpy: str
    load: float
    "Load average of the last minute when the run began: above 0 the machine was shared."
    calibration: float
    "CPU-seconds of the calibration loop."


def spent() -> float:
    """Return the CPU-seconds of this process and of the children it has waited for."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_gib() -> float:
    """Return the largest resident set of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / 2**30


def calibrate(repeats: int = 5) -> float:
    """Return the CPU-seconds of a million steps of plain Python and one sort of a million floats, the best of some."""
    numbers = np.random.default_rng(0).random(SORTED)
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        total = 0
        for i in range(LOOPS):
            total += i & 7
        np.sort(numbers).cumsum()
        best = min(best, time.process_time() - begin)
    return best


def machine() -> Machine:
    """Return the facts of this machine, calibration included."""
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=names[0] if names else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30, 1),
        python=platform.python_version(),
        numpy=np.__version__,
        load=round(os.getloadavg()[0], 2),
        calibration=calibrate(),
    )
