"""Random graphs of several users, while random things happen to the cluster."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dask import annotate, config  # type: ignore[attr-defined]
from distributed import Client, LocalCluster, Reschedule, secede, wait
from distributed.core import Status

from evenly.balance.queues import Queue
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.dask import FairShare
from tests.hosts.dask.cluster import WAIT, balanced, bare, until

TRIED: dict[str, int] = {}


def plain(name: str, *needs: int) -> int:
    """Return one more than the sum of what is needed, as all kinds of tasks do."""
    time.sleep(0.001)
    return sum(needs) + 1


def beside(name: str, *needs: int) -> int:
    secede()
    return plain(name, *needs)


def anew(name: str, *needs: int) -> int:
    TRIED[name] = TRIED.get(name, 0) + 1
    if TRIED[name] < 3:
        raise Reschedule
    return plain(name, *needs)


def shaky(name: str, *needs: int) -> int:
    TRIED[name] = TRIED.get(name, 0) + 1
    if TRIED[name] < 3:
        raise RuntimeError(name)
    return plain(name, *needs)


class Story:
    """What users ask for and what happens, by a seed; `values` are what the futures that are kept should give."""

    def __init__(self, cluster: Any, clients: list[Client], queue: Queue, seed: int) -> None:
        self.cluster, self.clients, self.queue, self.seed = cluster, clients, queue, seed
        self.chance = random.Random(seed)
        self.values: list[dict[Any, int]] = [{} for _ in clients]
        self.serial = 0
        self.rough = seed % 2 == 1  # workers are lost with what they hold, so nothing is there that cannot be computed
        # Dask does not look for another worker again, where there was none for a moment and the one wished for is gone.
        self.bound = seed % 3 == 0

    def tell(self, events: int) -> None:
        happens = [self.drop, self.cancel, self.come, self.replicate, self.register]
        if not self.bound:
            happens.append(self.pause)
        happens.append(self.lose if self.rough else self.retire)
        if not self.rough:
            happens.append(self.scatter)
        for _ in range(events):
            self.layer()
            self.chance.choice(happens)()
            time.sleep(self.chance.choice([0, 0, 0.005, 0.02]))
        self.resume()

    def layer(self) -> None:
        """Submit tasks, each with up to three needs."""
        who = self.chance.randrange(len(self.clients))
        known, client = self.values[who], self.clients[who]
        kind = self.chance.choice([plain, plain, plain, beside, anew, shaky])
        options: dict[str, Any] = {"retries": 2} if kind is shaky else {}
        if self.bound and self.chance.random() < 0.2:
            options |= {"workers": list(self.cluster.scheduler.workers)[:1], "allow_other_workers": True}
        notes: dict[str, Any] = self.chance.choice([{}, {"job": "long"}, {"estimate": 0.01}, {"user": "other"}])
        with annotate(**notes):
            for _ in range(self.chance.randrange(1, 25)):
                self.serial += 1
                name = f"{kind.__name__}-{self.seed}-{self.serial}"
                needs = self.chance.sample(list(known), min(len(known), self.chance.randrange(4)))
                future = client.submit(
                    kind, name, *needs, key=name, priority=self.chance.randrange(3), fifo_timeout="0 ms", **options
                )
                known[future] = sum(known[need] for need in needs) + 1

    def scatter(self) -> None:
        known, client = self.values[0], self.clients[0]
        self.serial += 1
        known[client.scatter({f"data-{self.seed}-{self.serial}": 5})[f"data-{self.seed}-{self.serial}"]] = 5

    def drop(self) -> None:
        for known in self.values:
            for future in [future for future in known if self.chance.random() < 0.3]:
                del known[future]

    def cancel(self) -> None:
        """Cancel the last tasks of a user, which nothing needs."""
        who = self.chance.randrange(len(self.clients))
        last = list(self.values[who])[-1:]
        self.clients[who].cancel(last)
        for future in last:
            del self.values[who][future]

    def pause(self) -> None:
        worker = self.chance.choice(self.alive())
        self.cluster.loop.add_callback(setattr, worker, "status", Status.paused)

    def resume(self) -> None:
        for worker in self.alive():
            self.cluster.loop.add_callback(setattr, worker, "status", Status.running)

    def come(self) -> None:
        self.resume()
        if len(self.cluster.scheduler.workers) < 4:
            self.cluster.scale(len(self.cluster.worker_spec) + 1)

    def lose(self) -> None:
        if len(addresses := list(self.cluster.scheduler.workers)) > 1:
            scheduler = self.cluster.scheduler
            self.cluster.sync(scheduler.remove_worker, addresses[0], stimulus_id="lost", expected=True)

    def retire(self) -> None:
        self.resume()
        if len(addresses := list(self.cluster.scheduler.workers)) > 1:
            self.clients[0].retire_workers([addresses[0]])

    def replicate(self) -> None:
        done = [future for future in self.values[0] if future.status == "finished"][:5]
        if done and not self.rough:
            self.clients[0].rebalance(done)

    def register(self) -> None:
        self.clients[0].register_plugin(FairShare(self.queue))

    def alive(self) -> list[Any]:
        return [w for w in self.cluster.workers.values() if w.status in (Status.running, Status.paused)]


@contextmanager
def cluster() -> Iterator[Any]:
    options = {"plugins": [FairShare()], "validate": True}
    with (
        config.set({"distributed.scheduler.allowed-failures": 1000}),
        LocalCluster(
            n_workers=3, threads_per_worker=2, processes=False, dashboard_address=":0", scheduler_kwargs=options
        ) as found,
    ):
        yield found


def check(seed: int, events: int) -> None:
    with cluster() as found:
        clients = [Client(found, name=name) for name in ("ann", "bob", "eve")]
        story = Story(found, clients, Uwfq() if seed % 4 < 2 else Fair(), seed)
        story.tell(events)
        for client, known in zip(clients, story.values, strict=True):
            futures = list(known)
            wait(futures, timeout=WAIT)
            assert client.gather(futures) == list(known.values())
        balanced(found.scheduler)
        for client in clients:
            client.close()
        assert FairShare.name in found.scheduler.plugins, "it has not given up"
        until(lambda: not found.scheduler.tasks)
        bare(found.scheduler)


@pytest.mark.parametrize("seed", range(4))
def test_random_graphs_end_right_whatever_happens_to_the_workers(seed: int) -> None:
    check(seed, events=15)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_graphs_end_right_whatever_happens_to_the_workers(seed: int) -> None:
    check(seed, events=40)
