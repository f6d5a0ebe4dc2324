"""What a person waits for: help, and the embedded scenario with and without compiled code."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.calibration import spent
from benchmarks.figures import Figure

HELP_LIMIT = 0.5
WARM_LIMIT = 5.0
COLD_LIMIT = 15.0


def timed(arguments: list[str], cache: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds and the CPU-seconds of one command line.

    Raises `CalledProcessError` if it fails.
    """
    cpu, begin = spent(), time.perf_counter()
    command = [sys.executable, "-m", "evenly", *arguments]
    environment = os.environ | {"EVENLY_CACHE": str(cache)}
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
    return time.perf_counter() - begin, spent() - cpu


def measure() -> list[Figure]:
    """Return the elapsed seconds of each command, the best of some where it is warm."""
    with tempfile.TemporaryDirectory(prefix="evenly-bench-") as name:
        folder = Path(name)
        cache = folder / "cache"
        help_seconds = min(timed(["--help"], cache, folder)[0] for _ in range(5))
        cold, cold_cpu = timed(["compare", "--out", "cold"], cache, folder)
        warm, warm_cpu = min(timed(["compare", "--out", f"warm-{i}"], cache, folder) for i in range(3))
    return [
        Figure("`evenly --help`", help_seconds, "s", HELP_LIMIT),
        Figure("`evenly compare`, nothing compiled", cold, "s", COLD_LIMIT),
        Figure("the same", cold_cpu, "CPU s"),
        Figure("`evenly compare`, compiled before", warm, "s", WARM_LIMIT),
        Figure("the same", warm_cpu, "CPU s"),
    ]
