"""What jobs cost that the driver releases in turn, against plain Spark, by the length of their tasks.

Both run the same job alone, in turn, in one session on two cores: there is nobody to be fair to, so all that is seen is
the price. Processor time is that of the driver, of Java and of all workers.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure
from evenly.balance.queues.first_come import FirstCome
from evenly.hosts.spark.fair_share import FairShare
from evenly.hosts.spark.java import java
from evenly.hosts.spark.measure import burn, local

TASKS = {0.0: 96, 0.02: 96, 0.1: 40, 0.4: 16}  # how many of a job, by their seconds of processor time
ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")


def measure() -> list[Figure]:
    """Return ratios of processor time and of time to the end; 0.4 s is twenty times what a task costs besides."""
    with tempfile.TemporaryDirectory() as folder:
        java(Path(folder))
        spark = local(FirstCome()).spark
        try:
            with FairShare(spark) as shared, shared.user("ann"):
                return [figure for seconds in TASKS for figure in _by_length(shared, seconds)]
        finally:
            spark.stop()


def _by_length(shared: FairShare, seconds: float) -> list[Figure]:
    tasks = TASKS[seconds]
    rdd, work = shared.context.parallelize(range(tasks), tasks), burn(seconds)
    pairs = []
    for number in range(1 + ROUNDS):
        plain = _taken(lambda: shared.context.runJob(rdd, work))
        turned = _taken(lambda: shared.run(rdd, work, kind=f"{seconds} s"))
        pairs.append((turned[0] / plain[0], turned[1] / plain[1]))
        print(f"tasks of {seconds} s, {number}: plain {plain}, released {turned}", file=sys.stderr)
    name = f"tasks of {1000 * seconds:.0f} ms"
    limit = 1.1 if seconds == max(TASKS) else None
    return [
        Figure.of(f"{name}: processor time, released over plain", [cpu for cpu, _ in pairs[1:]], "x", limit),
        Figure.of(f"{name}: time to the end, released over plain", [span for _, span in pairs[1:]], "x"),
    ]


def _taken(work: Callable[[], object]) -> tuple[float, float]:
    """Return the processor seconds and the seconds that a piece of work takes."""
    cpu, begin = _processor(), time.monotonic()
    work()
    return _processor() - cpu, time.monotonic() - begin


def _processor() -> float:
    """Return the processor seconds of this process and all that descend from it, so far."""
    parents, used = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(words[1])
        used[int(entry.name)] = sum(map(int, words[11:15])) / TICK  # of itself and of children that have ended

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return sum(seconds for process, seconds in used.items() if ours(process))
