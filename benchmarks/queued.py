"""What a queue costs Dask's scheduler, where 100,000 tasks wait in it: with each queue and without, in one run.

`python -m benchmarks.queued`: CPU time of a real scheduler that is handed what two workers would tell it, 20,000 ended
tasks, and beside it a whole cluster of processes from end to end. All in turn, repeated; the page of Dask is renewed.
"""

import asyncio
import gc
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from dask import config
from distributed import Client, Scheduler
from distributed.core import Status
from distributed.scheduler import WorkerState

from benchmarks.fidelity import insert
from evenly.balance.queues import queues
from evenly.hosts.dask import FairShare

PAGE = Path(__file__).parents[1] / "docs" / "dask.md"
USERS, JOBS, TASKS = 10, 10, 1000
ENDED = 20_000
PLAIN = "plain Dask"


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
    plugins = [] if queue == PLAIN else [FairShare(queues[queue]())]
    scheduler = await Scheduler(protocol="inproc", dashboard=False, port=0, dashboard_address=":0", plugins=plugins)
    for address in ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"):
        add_worker(scheduler, address)
    for i in range(users):
        client = await Client(scheduler.address, asynchronous=True, name=f"user{i}")
        futures = [client.map(trivial, range(n * tasks, (n + 1) * tasks)) for n in range(i * jobs, (i + 1) * jobs)]
        while len(scheduler.tasks) < (i + 1) * jobs * tasks:
            await asyncio.sleep(0.01)
        scheduler.client_comms[client.id] = Sent()
        scheduler.kept = [*getattr(scheduler, "kept", []), client, futures]
    return scheduler


async def rates(names: list[str], users: int = USERS, jobs: int = JOBS, tasks: int = TASKS, turns: int = 20) -> Any:
    """Return tasks that end in a second of the CPU time of each scheduler, by turn; they take turns of 1000 tasks."""
    schedulers = [await crowded(name, users, jobs, tasks) for name in names]
    found = np.zeros((turns, len(names)))
    gc.collect()
    gc.disable()
    for turn in range(turns):
        for i, scheduler in enumerate(schedulers):
            start = time.process_time()
            end_tasks(scheduler, 1000)
            found[turn, i] = 1000 / (time.process_time() - start)
    return found


if __name__ == "__main__":
    import logging, os

    logging.disable(logging.CRITICAL)
    config.set({"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.work-stealing": False})

    async def go():
        found = await rates(sys.argv[2:], jobs=int(sys.argv[1]))
        print(
            sys.argv[2:],
            found.mean(0).round(),
            np.median(found / found[:, :1], axis=0).round(3),
            np.quantile(found / found[:, :1], [0.25, 0.75], axis=0).round(3),
        )
        sys.stdout.flush()
        os._exit(0)

    asyncio.run(go())
