"""Tasks that need others wait for their turn as well, and stay sound whatever becomes of what they need."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from dask import annotate, config  # type: ignore[attr-defined]
from distributed import Client, LocalCluster, wait, worker_client

from evenly.hosts.dask import FairShare
from tests.hosts.dask.cluster import GATES, another, arrived, balanced, held, hold, note, noted, sent, until

HEAVY = [f"heavy{i}" for i in range(12)]
LIGHT = ["light0", "light1"]


def layer(client: Client, cluster: Any, count: int) -> list[Any]:
    """Return a layer of tasks whose needs are there already."""
    base, names = client.scatter({("base", i): i for i in range(count)}), [f"leaf{i}" for i in range(count)]
    leaves = client.map(
        lambda need, name, gate: note(gate, name, need), list(base.values()), names, gate=cluster.gate, key=names
    )
    arrived(cluster, names)
    return list(leaves)


@pytest.mark.parametrize("on", [False, True])
def test_a_light_user_goes_before_a_heavy_users_ready_second_layer_only_with_the_plug_in(on: bool) -> None:
    with held(on=on) as (cluster, gate), Client(cluster, name="a") as heavy, Client(cluster, name="b") as light:
        first = layer(heavy, cluster, 40)
        second = noted(light, cluster, ["light0", "light1"], fifo_timeout="0 ms")
        balanced(cluster.scheduler)
        gate.opened.set()
        wait([*first, *second])
        place = gate.order.index("light1")
        assert place < 3 if on else place > 20


def slow(number: int, folder: str, need: Any = None) -> int:
    """Leave a trace of each run; take longer where others are needed, so that these wait for a while."""
    with (Path(folder) / str(number)).open("a") as trace:
        trace.write("x")
    time.sleep(0.01 if need is None else 0.08)
    return number


def test_a_killed_worker_that_alone_holds_what_queued_tasks_need_loses_none(tmp_path: Path) -> None:
    """Most of the second layer is queued when half of the first is lost: it is computed again, and nothing hangs."""
    plugins = {"plugins": [FairShare()], "validate": True}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", scheduler_kwargs=plugins) as cluster,
        Client(cluster, name="heavy") as client,
    ):
        base = client.map(slow, range(40), folder=str(tmp_path))
        wait(base)
        leaves = client.map(slow, range(100, 140), [str(tmp_path)] * 40, base)
        until(lambda: len(cluster.scheduler.queued) > 20)
        os.kill(next(iter(cluster.scheduler.workers.values())).pid, signal.SIGKILL)
        assert client.gather(leaves) == list(range(100, 140))
        assert sum(len((tmp_path / str(i)).read_text()) for i in range(40)) > 40
        balanced(cluster.scheduler)


def test_what_queued_tasks_need_is_kept_until_they_are_dropped() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as client:
        leaves = layer(client, cluster, 12)
        assert len(cluster.scheduler.queued) == 12
        assert all(cluster.scheduler.tasks["base", i].state == "memory" for i in range(12))
        del leaves[6:]
        until(lambda: ("base", 11) not in cluster.scheduler.tasks)
        balanced(cluster.scheduler)
        gate.opened.set()
        wait(leaves)
        assert gate.order == [f"leaf{i}" for i in range(6)]


def test_removed_in_mid_run_it_gives_dask_the_tasks_that_need_others() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as client:
        leaves = layer(client, cluster, 12)
        client.unregister_scheduler_plugin(FairShare.name)
        gate.opened.set()
        wait([*leaves, *noted(client, cluster, ["late"])])
        assert sorted(gate.order) == sorted(["late", *(f"leaf{i}" for i in range(12))])
        assert "_TRANSITIONS_TABLE" not in vars(cluster.scheduler)


def test_retried_seceded_and_failed_tasks_that_need_others_end() -> None:
    runs = []

    def fails_twice(need: Any) -> Any:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError
        return need

    def asks(need: Any) -> Any:
        with worker_client() as inner:
            return sum(inner.gather(inner.map(abs, [-need, -1])))

    with held() as (cluster, gate), Client(cluster, name="a") as client:
        root = client.submit(abs, -2)
        again, asked = client.submit(fails_twice, root, retries=2), client.submit(asks, root)
        failed = client.submit(lambda need: need / 0, root)
        after = client.submit(abs, failed)
        gate.opened.set()
        assert (again.result(), asked.result()) == (2, 3)
        assert isinstance(failed.exception(), ZeroDivisionError)
        assert isinstance(after.exception(), ZeroDivisionError)


def test_a_chain_gives_its_thread_to_whose_turn_is_before() -> None:
    with held() as (cluster, gate), Client(cluster, name="heavy") as heavy, Client(cluster, name="light") as light:
        begun = another()
        with annotate(job="chain"):
            chain = [heavy.submit(hold, begun, key="heavy")]
            for name in HEAVY:
                chain.append(heavy.submit(note, cluster.gate, name, chain[-1], key=name))
        gate.opened.set()
        until(lambda: HEAVY[-1] in cluster.scheduler.tasks and sent(cluster) == ["heavy"])
        asked = noted(light, cluster, LIGHT)
        GATES[begun].opened.set()
        wait([chain[-1], *asked])
        assert gate.order == [*LIGHT, *HEAVY]


@pytest.mark.parametrize("bandwidth", [1.0, 1e9])
def test_a_task_goes_to_a_free_thread_unless_its_data_takes_too_long(bandwidth: float) -> None:
    known = config.set({"distributed.scheduler.bandwidth": bandwidth})  # which workers tell the scheduler as well
    with known, held(workers=2) as (cluster, gate), Client(cluster, name="a") as client:
        root, scheduler = client.scatter(0), cluster.scheduler
        leaves = client.map(lambda name, root, gate: note(gate, name), HEAVY, root=root, gate=cluster.gate, key=HEAVY)
        arrived(cluster, HEAVY)
        (holder,) = scheduler.tasks[root.key].who_has
        where = {(scheduler.tasks[name].state, scheduler.tasks[name].processing_on) for name in HEAVY}
        assert where == {("queued", None) if bandwidth > 1 else ("processing", holder)}
        gate.opened.set()
        wait(leaves)
        assert sorted(gate.order) == sorted(HEAVY)
