"""A light user beside a heavy one on one real Dask cluster: as Dask is, and with each queue."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from distributed import Client, LocalCluster, wait
from distributed.diagnostics.plugin import SchedulerPlugin

from evenly.balance.queues import Queue
from evenly.balance.queues.cfq import Cfq
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.dask.fair_share import FairShare
from evenly.hosts.light_beside_heavy import HEAVY, LIGHT, Ask, Measured, asks, in_turn
from evenly.hosts.shared_jobs import JobRecord, simulated

WORKERS = 2  # processes of one thread
SECONDS = 0.05  # for which a task waits, as for a disk or a service: the cores of this machine do not count
PLAIN = "plain"
QUEUES: dict[str, Queue] = {
    PLAIN: FirstCome(),  # what the simulator takes it for
    "fifo": FirstCome(),
    "fair": Fair(),
    "ujf": Ujf(),
    "cfq": Cfq(),
    "uwfq": Uwfq(),
}
ASKS = asks(30, 8, begin=0.4, every=0.8)


def measure(
    rounds: int = 5, told: Callable[[str], None] = print, names: Sequence[str] = tuple(QUEUES)
) -> list[Measured]:
    """Return runs of all queues on one cluster, in turn, `rounds` times; `told` hears of each.

    The plug-in is registered for a run and removed after it.
    """
    found = []
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, name="warden") as client,
    ):
        run(PLAIN, cluster)  # the scheduler learns what tasks take
        for number in range(rounds):
            for name in in_turn(names, number):
                if name != PLAIN:
                    client.register_plugin(FairShare(QUEUES[name]))
                found.append(run(name, cluster))
                if name != PLAIN:
                    client.unregister_scheduler_plugin(FairShare.name)
                told(f"round {number + 1} of {rounds}: {name}, mean response {found[-1].mean():.2f} s")
    return found


class Held(SchedulerPlugin):
    """Notes for how long each task held a thread: from when it was sent, or the one before it ended, to its end."""

    name = "evenly-held"

    def __init__(self) -> None:
        self.seconds: dict[Any, float] = {}
        self._sent: dict[Any, float] = {}
        self._ended: dict[str, float] = {}

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Note when a task is sent to a worker, and when it ends."""
        if finish == "processing":
            self._sent[key] = time.perf_counter()
        elif finish == "memory" and start == "processing":
            now, worker = time.perf_counter(), kwargs["worker"]
            self.seconds[key] = now - max(self._sent.pop(key), self._ended.get(worker, 0.0))
            self._ended[worker] = now


def run(name: str, cluster: Any, asks: Sequence[Ask] = ASKS, seconds: float = SECONDS) -> Measured:
    """Submit jobs, each from a thread of its own, and return what happened."""
    records: dict[int, JobRecord] = {}
    noted = Held()
    cluster.scheduler.add_plugin(noted)

    def submit(k: int, ask: Ask, client: Any, begin: float) -> None:
        time.sleep(max(0.0, begin + ask.at - time.perf_counter()))
        submitted = time.perf_counter() - begin
        kind = f"{ask.user} {ask.tasks} tasks"
        keys = [(f"{kind}-{begin}-{k}", i) for i in range(ask.tasks)]
        wait(client.map(time.sleep, [seconds] * ask.tasks, key=keys))
        held = tuple(noted.seconds[key] for key in keys)
        records[k] = JobRecord(f"{name}-{k}", ask.user, kind, submitted, time.perf_counter() - begin, held)

    with Client(cluster, name=HEAVY) as heavy, Client(cluster, name=LIGHT) as light:
        begin = time.perf_counter()
        clients = {HEAVY: heavy, LIGHT: light}
        threads = [
            threading.Thread(target=submit, args=(k, ask, clients[ask.user], begin)) for k, ask in enumerate(asks)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    cluster.scheduler.remove_plugin(noted.name)
    if len(records) < len(asks):
        raise RuntimeError("a client failed; its error is told above")
    ordered = [records[k] for k in range(len(asks))]
    return Measured(name, tuple(ordered), tuple(simulated(ordered, QUEUES[name], WORKERS).tolist()))
