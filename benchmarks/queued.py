"""What a queue costs Dask's scheduler while 100,000 tasks wait in it, against Dask's own, in one run.

A real scheduler is handed what two workers would tell it, with nobody on the line: only deciding is measured, so that
the share of the plug-in is larger than it is where messages are packed and sent too. That is the second part: a whole
cluster of processes with trivial tasks, and with the shortest that are not sent ahead, with and without in turn.
"""

import asyncio
import gc
import logging
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from dask import config
from distributed import Client, LocalCluster, Scheduler, wait
from distributed.core import Status
from distributed.scheduler import WorkerState

from benchmarks.figures import Figure
from evenly.balance.queues import queues
from evenly.hosts.dask import FairShare
from evenly.hosts.dask.places import AHEAD

DASK, STILL = "plain Dask", "plain Dask without work stealing"
PLAIN = (DASK, STILL)


class Sent:
    """A worker's or client's line on which nobody is: what the scheduler sends is kept."""

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()

    def send(self, *messages: Any) -> None:
        self.messages.extend(messages)

    async def close(self) -> None:
        """Do nothing."""


def trivial(number: int) -> int:
    return number


def add_worker(scheduler: Any, address: str) -> None:
    """Let the scheduler know a worker of one thread, of which there is no more than the line to it."""
    worker = WorkerState(
        address=address, status=Status.running, pid=0, name=address, nthreads=1, memory_limit=2**33,
        local_directory="", nanny=None, server_id=address, services={}, versions={}, extra={}, scheduler=scheduler,
    )  # fmt: skip
    scheduler.workers[address] = worker
    scheduler.running.add(worker)
    scheduler.total_nthreads += 1
    scheduler.total_memory += worker.memory_limit
    scheduler.stream_comms[address] = Sent()
    for plugin in scheduler.plugins.values():
        plugin.add_worker(scheduler, address)
    scheduler.check_idle_saturated(worker)


def end_tasks(scheduler: Any, count: int) -> None:
    """End tasks in the order in which they were sent, each after a millisecond."""
    lines = {address: scheduler.stream_comms[address].messages for address in scheduler.workers}
    now = time.time()
    while count:
        for address, messages in lines.items():
            message = messages.popleft()
            if message["op"] == "compute-task":
                scheduler.handle_task_finished(
                    key=message["key"], worker=address, stimulus_id="end", run_id=message["run_id"], metadata={},
                    nbytes=28, type=b"", typename="int", thread=1, status="OK",
                    startstops=[{"action": "compute", "start": now, "stop": now + 0.001}],
                )  # fmt: skip
                count -= 1


async def crowded(queue: str, users: int, jobs: int, tasks: int) -> Any:
    """Return a scheduler of two threads at which users' jobs of so many tasks wait."""
    plugins = [] if queue in PLAIN else [FairShare(queues[queue]())]
    with config.set({"distributed.scheduler.work-stealing": queue != STILL}):
        scheduler = await Scheduler(protocol="inproc", port=0, dashboard_address=":0", plugins=plugins)
    for address in ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"):
        add_worker(scheduler, address)
    kept = []
    for i in range(users):
        client = await Client(scheduler.address, asynchronous=True, name=f"user{i}")
        kept += [
            client,
            *(client.map(trivial, range(n * tasks, (n + 1) * tasks)) for n in range(i * jobs, (i + 1) * jobs)),
        ]
        while len(scheduler.tasks) < (i + 1) * jobs * tasks:
            await asyncio.sleep(0.01)
        scheduler.client_comms[client.id] = Sent()
    return scheduler, kept


async def rates(names: Sequence[str], users: int, jobs: int, tasks: int, turns: int) -> dict[str, list[float]]:
    """Return tasks that end in a second of the CPU time of each scheduler; they take turns of 1000 tasks."""
    crowds = {name: await crowded(name, users, jobs, tasks) for name in names}
    found: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    for _ in range(turns):
        for name, (scheduler, _kept) in crowds.items():
            start = time.process_time()
            end_tasks(scheduler, 1000)
            found[name].append(1000 / (time.process_time() - start))
    return found


def whole(seconds: float, tasks: int, rounds: int = 6) -> dict[str, list[tuple[float, float]]]:
    """Return tasks a second, and a CPU second of scheduler and client, of a cluster with the plug-in and without."""
    found: dict[str, list[tuple[float, float]]] = {DASK: [], "uwfq": []}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        for turn in range(rounds):
            for name in found if turn % 2 else reversed(found):
                if name != DASK:
                    client.register_plugin(FairShare())
                cpu, start = time.process_time(), time.perf_counter()
                wait(client.map(time.sleep, [seconds] * tasks, pure=False))
                found[name].append((tasks / (time.perf_counter() - start), tasks / (time.process_time() - cpu)))
                if name != DASK:
                    client.unregister_scheduler_plugin(FairShare.name)
    return {name: each[1:] for name, each in found.items()}


def measure(users: int = 10, jobs: int = 10, tasks: int = 1000, turns: int = 20) -> list[Figure]:
    """Return rates with the plug-in over those without, turn by turn."""
    queue: Any = multiprocessing.get_context("spawn").SimpleQueue()
    child = multiprocessing.get_context("spawn").Process(target=_apart, args=(queue, users, jobs, tasks, turns))
    child.start()
    found = queue.get()
    child.join()
    figures = [Figure.of(f"tasks in a CPU second, {users * jobs * tasks:,} wait: {DASK}", found[DASK], "tasks")]
    for name in (STILL, "uwfq"):
        ratios = [on / off for on, off in zip(found[name], found[DASK], strict=True)]
        limit = 0.9 if name == "uwfq" else None
        figures.append(Figure.of(f"the same: {name} over {DASK}", ratios, "x", limit, at_least=limit is not None))
    for length, ends in (("0 ms", whole(0.0, 1500)), (f"{1000 * AHEAD:g} ms", whole(AHEAD, 300))):
        for k, span in enumerate(("second from end to end", "CPU second of scheduler and client")):
            ratios = [on[k] / off[k] for on, off in zip(ends["uwfq"], ends[DASK], strict=True)]
            what = f"tasks of {length} in a {span}"
            figures.append(Figure.of(f"{what}: {DASK}", [each[k] for each in ends[DASK]], "tasks"))
            figures.append(Figure.of(f"{what}: uwfq over {DASK}", ratios, "x"))
    return figures


def _apart(queue: Any, users: int, jobs: int, tasks: int, turns: int) -> None:
    """Measure in a process that is ended with its schedulers as they are."""
    logging.disable(logging.CRITICAL)
    asyncio.run(_all(users, jobs, tasks, turns, queue))


async def _all(users: int, jobs: int, tasks: int, turns: int, queue: Any) -> None:
    queue.put(await rates((*PLAIN, "uwfq"), users, jobs, tasks, turns))
    os._exit(0)  # to close 100,000 tasks takes longer than to measure them
