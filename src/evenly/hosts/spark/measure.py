"""A light user beside a heavy one on one real Spark: first come, Spark's pools, and jobs released in turn."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from evenly.balance.queues import Queue
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.light_beside_heavy import HEAVY, LIGHT, Ask, Measured, asks, in_turn
from evenly.hosts.shared_jobs import JobRecord, simulated
from evenly.hosts.spark.fair_share import FairShare
from evenly.hosts.spark.pools import Pools
from evenly.hosts.spark.slots import held

CORES = 2
BURN = 0.2  # seconds of processor time of a task
QUEUES: dict[str, Queue] = {"fifo": FirstCome(), "fair": Fair(), "ujf": Ujf(), "uwfq": Uwfq()}
ASKS = asks(8, 2, begin=0.5, every=0.7)


def local(queue: Queue, master: str = f"local[{CORES}]") -> Pools:
    """Return a quiet session of its own, on loopback, whose pools share as a queue does."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else Spark takes the first python3 on the path
    builder = SparkSession.builder.master(master).appName("evenly")
    for name in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        builder = builder.config(name, "false")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    pools = Pools.open(queue, builder)
    pools.spark.sparkContext.setLogLevel("OFF")
    return pools


def measure(rounds: int = 5, told: Callable[[str], None] = print) -> list[Measured]:
    """Return runs of all queues, in turn, `rounds` times; `told` hears of each.

    Spark reads once how to share, so each round has a session for the order of submission, in which jobs are also
    released in turn, and one for pools.
    """
    found = []
    for number in range(rounds):
        for first, names in ((FirstCome(), ("fifo", "uwfq")), (Fair(), ("fair", "ujf"))):
            pools = local(first)
            try:
                _warm(pools.spark.sparkContext)
                for name in in_turn(names, number):
                    found.append(run(name, pools.spark))
                    light, every, predicted = found[-1].mean(LIGHT), found[-1].mean(), found[-1].mean(predicted=True)
                    told(
                        f"round {number + 1} of {rounds}, {name}: mean response {every:.2f} s, simulated "
                        f"{predicted:.2f} s; of the light user {light:.2f} s"
                    )
            finally:
                pools.spark.stop()
    return found


def figures(runs: Sequence[Measured]) -> dict[str, float]:
    """Return what runs of all queues show: responses in seconds, means over the rounds, and how far off they were told.

    `light_QUEUE`, `heavy_QUEUE` and `all_QUEUE` are mean responses, `off_QUEUE` is by how many % the simulator misses
    the last. `off` is the largest of these, `gain` how many times less the light user waits under `uwfq` than under
    `fifo`, and `reversed` counts pairs of queues between which the simulator sees the light user's response differ by
    more than 20%, and the machine the other way round.
    """
    found: dict[str, float] = {}
    told: dict[str, float] = {}
    for name in QUEUES:
        mine = [run for run in runs if run.queue == name]
        for label, user in (("light", LIGHT), ("heavy", HEAVY), ("all", "")):
            found[f"{label}_{name}"] = float(np.mean([run.mean(user) for run in mine]))
        told[name] = float(np.mean([run.mean(LIGHT, predicted=True) for run in mine]))
        predicted = float(np.mean([run.mean(predicted=True) for run in mine]))
        found[f"off_{name}"] = 100 * abs(predicted / found[f"all_{name}"] - 1)
    pairs = [(one, other) for one in QUEUES for other in QUEUES if told[one] > 1.2 * told[other]]
    found["reversed"] = float(sum(found[f"light_{one}"] <= found[f"light_{other}"] for one, other in pairs))
    found["off"] = max(found[f"off_{name}"] for name in QUEUES)
    found["gain"] = found["light_fifo"] / found["light_uwfq"]
    return found


def run(name: str, spark: Any, asks: Sequence[Ask] = ASKS, seconds: float = BURN) -> Measured:
    """Submit jobs under one queue, each from a thread of its own, and return what happened."""
    context, queue = spark.sparkContext, QUEUES[name]
    if not isinstance(queue, Uwfq):
        pools = Pools(spark, queue)
        return _run(name, context, pools.user, _plainly(context, seconds), asks)
    with FairShare(spark, queue, cores=CORES) as shared:
        return _run(name, context, shared.user, _in_turn(shared, seconds), asks)


def burn(seconds: float) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """Return a function of a partition that takes so much processor time."""

    def work(rows: Iterable[Any]) -> Iterator[Any]:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return iter(rows)

    return work


def _plainly(context: Any, seconds: float) -> Callable[[Ask, str], str]:
    def submit(ask: Ask, name: str) -> str:
        context.setJobGroup(name, name)
        context.runJob(context.parallelize(range(ask.tasks), ask.tasks), burn(seconds))
        return name

    return submit


def _in_turn(shared: FairShare, seconds: float) -> Callable[[Ask, str], str]:
    def submit(ask: Ask, name: str) -> str:
        rdd = shared.context.parallelize(range(ask.tasks), ask.tasks)
        job = shared.submit(rdd, burn(seconds), estimate=ask.tasks * seconds)
        job.result()
        return str(job.stage.job)

    return submit


def _run(
    name: str,
    context: Any,
    user: Callable[[str], Any],
    submit: Callable[[Ask, str], str],
    asks: Sequence[Ask],
) -> Measured:
    from pyspark import InheritableThread

    begin = time.monotonic()
    times: dict[int, tuple[str, float, float]] = {}

    def client(k: int, ask: Ask) -> None:
        time.sleep(max(0.0, begin + ask.at - time.monotonic()))
        submitted = time.monotonic()
        group = submit(ask, f"{name}-{begin}-{k}")
        times[k] = group, submitted - begin, time.monotonic() - begin

    threads = []
    for k, ask in enumerate(asks):
        with user(ask.user):
            threads.append(InheritableThread(target=client, args=(k, ask)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    if len(times) < len(asks):
        raise RuntimeError("a client failed; its error is told above")
    records = []
    for k, ask in enumerate(asks):
        group, submitted, finished = times[k]
        kind = f"{ask.tasks} tasks"
        records.append(JobRecord(f"{name}-{k}", ask.user, kind, submitted, finished, held(context, group)))
    return Measured(name, tuple(records), tuple(simulated(records, QUEUES[name], CORES).tolist()))


def _warm(context: Any) -> None:
    """Start the workers and let Java compile what every task passes through.

    Between jobs that run equally many tasks, Spark's FAIR goes by the number of the stage as text, 10 before 9: what is
    measured begins with 10.
    """
    for _ in range(10):
        context.runJob(context.parallelize(range(2 * CORES), 2 * CORES), burn(0.0))
