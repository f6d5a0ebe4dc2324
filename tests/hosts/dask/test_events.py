"""What Dask's scheduler does beside sending tasks and hearing that they end."""

import time
from typing import Any

import pytest
from dask import annotate, array, config  # type: ignore[attr-defined]
from distributed import Client, LocalCluster, Reschedule, as_completed, fire_and_forget, secede, wait

from evenly.hosts.dask import FairShare
from evenly.hosts.dask.waiting import Waiting
from tests.hosts.dask.cluster import GATES, another, balanced, bare, held, hold, noted, sent, until
from tests.hosts.heard import Heard


class Huge:
    """Says that it takes more memory than any worker has."""

    def __sizeof__(self) -> int:
        return 10**15


def test_a_task_whose_needs_exceed_a_workers_memory_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    with held(heard, memory_limit="1GB") as (cluster, gate), Client(cluster, name="a") as client:
        gate.opened.set()
        root = client.submit(Huge, key="root")
        assert isinstance(client.submit(id, root).exception(), MemoryError)
        assert client.gather(client.map(abs, range(5))) == list(range(5))
        assert FairShare.name in cluster.scheduler.plugins
        until(lambda: len(heard.seconds) == 7)  # the one that held the thread, the root and five
    assert "share this cluster no longer" not in caplog.text


def test_a_task_that_asks_to_be_scheduled_anew_leaves_its_thread_to_others() -> None:
    """Nothing else happens then: without being told, Dask would let the thread and all that waits stand still."""
    begun, runs = another(), list[int]()

    def anew() -> int:
        hold(begun)
        runs.append(1)
        if len(runs) < 3:
            raise Reschedule
        return len(runs)

    with held() as (cluster, gate), Client(cluster, name="heavy") as heavy, Client(cluster, name="light") as light:
        with annotate(estimate=100.0):
            again = heavy.submit(anew, key="anew")
        gate.opened.set()
        until(lambda: sent(cluster) == ["anew"])
        with annotate(estimate=0.001):
            asked = noted(light, cluster, ["light0", "light1"])
        GATES[begun].opened.set()
        wait(asked, timeout=30)
        assert again.result(timeout=30) == 3


def test_a_task_that_secedes_is_charged_until_it_gives_its_thread_back() -> None:
    heard, ends = Heard(), another()

    def beside() -> int:
        secede()
        hold(ends)
        return 1

    with held(heard) as (cluster, gate), Client(cluster, name="a") as client:
        gate.opened.set()
        future = client.submit(beside, key="beside")
        until(lambda: len(heard.seconds) == 2)
        assert client.submit(abs, -1, key="after").result() == 1  # on the thread that was given back
        part = cluster.scheduler.plugins[FairShare.name]._accounts.unfinished["beside"]
        GATES[ends].opened.set()
        assert future.result() == 1
        assert len(heard.seconds) == 3
        assert 0 < part.measured == heard.seconds[1]


def test_data_that_a_client_sends_keeps_no_job_from_its_end() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as client:
        gate.opened.set()
        data = client.scatter(3)
        assert client.submit(abs, data, key="needs").result() == 3
        accounts = cluster.scheduler.plugins[FairShare.name]._accounts
        assert data.key in accounts.finished
        until(lambda: not accounts._named)


def test_graphs_that_come_close_together_are_told_apart_when_it_is_registered_later() -> None:
    """By Dask's priorities they are one."""
    with held(on=False) as (cluster, gate), Client(cluster, name="a") as one, Client(cluster, name="b") as other:
        first = noted(one, cluster, [f"one{i}" for i in range(9)], fifo_timeout="60s")
        second = noted(other, cluster, [f"other{i}" for i in range(9)], fifo_timeout="60s")
        last = other.submit(lambda *needs: needs, *second, key="last")
        one.register_plugin(FairShare())
        unfinished = cluster.scheduler.plugins[FairShare.name]._accounts.unfinished
        owners = {key: part.job.user for key, part in unfinished.items()}
        assert {owners[f"one{i}"] for i in range(9)} == {"a"}
        assert {owners[f"other{i}"] for i in range(9)} == {"b"}
        gate.opened.set()
        wait([*first, *second, last])


def stealing(cluster: Any) -> tuple[bool, bool]:
    """Tell whether work stealing runs, and whether it hears of tasks."""
    scheduler = cluster.scheduler
    return "stealing" in scheduler.periodic_callbacks, scheduler.extensions["stealing"] in scheduler.plugins.values()


def test_stealing_stays_off_however_often_it_is_registered_and_comes_back_after_it() -> None:
    with held(on=False) as (cluster, gate), Client(cluster, name="a") as client:
        gate.opened.set()
        for _ in range(3):
            client.register_plugin(FairShare())
            client.run_on_scheduler(lambda: None)  # a turn of the loop, in which it would be started again
            assert stealing(cluster) == (False, False)
        client.unregister_scheduler_plugin(FairShare.name)
        client.submit(abs, -1).result()
        until(lambda: stealing(cluster) == (True, True))
    with held() as (cluster, gate):
        assert stealing(cluster) == (False, False)


def test_it_shares_under_another_name_as_well() -> None:
    with held(on=False) as (cluster, gate), Client(cluster, name="a") as client:
        client.register_plugin(FairShare(), name="mine")
        futures = noted(client, cluster, ["one"])
        assert isinstance(cluster.scheduler.queued, Waiting)
        client.register_plugin(FairShare())
        assert "mine" not in cluster.scheduler.plugins
        gate.opened.set()
        wait(futures)


class Asked(Heard):
    """Notes for what capacity it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity: tuple[float, ...] = ()

    def open(self, capacity: tuple[float, ...]) -> Heard:
        self.capacity = capacity
        return self


def test_a_queue_is_opened_for_the_threads_that_are_there_before_the_first_task() -> None:
    asked = Asked()
    options = {"plugins": [FairShare(asked)], "validate": True}
    with (
        LocalCluster(
            n_workers=0, threads_per_worker=2, processes=False, dashboard_address=":0", scheduler_kwargs=options
        ) as cluster,
        Client(cluster) as client,
    ):
        for workers in (2, 3):
            cluster.scale(workers)
            client.wait_for_workers(workers)
            client.submit(abs, -1, key=str(workers)).result()
            assert asked.capacity == (4.0,)


def test_actors_published_results_pipelines_and_what_nobody_waits_for_leave_nothing() -> None:
    class Counter:
        count = 0

        def add(self) -> int:
            self.count += 1
            return self.count

    options = {"plugins": [FairShare()], "validate": True}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0", scheduler_kwargs=options
    ) as cluster:
        with Client(cluster, name="a") as client, Client(cluster, name="b") as other:
            actor = client.submit(Counter, actor=True)
            counter = actor.result()
            fire_and_forget(client.map(time.sleep, [0.001] * 20, pure=False))
            client.publish_dataset(found=client.map(abs, range(10)))
            assert [counter.add().result() for _ in range(3)] == [1, 2, 3]
            known = other.get_dataset("found")
            assert other.gather(other.map(lambda x: x + 1, known)) == list(range(1, 11))
            going = as_completed(client.map(abs, range(20, 30)))
            for count, future in enumerate(going):
                if count < 60:
                    going.add(client.submit(lambda x: x + 1, future, pure=False))
            assert count == 69
            client.unpublish_dataset("found")
            balanced(cluster.scheduler)
        until(lambda: not cluster.scheduler.tasks)
        bare(cluster.scheduler)


def test_shuffles_of_two_users_between_workers_end_right_beside_each_other() -> None:
    options = {"plugins": [FairShare()], "validate": True}
    with (
        config.set({"array.rechunk.method": "p2p"}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0", scheduler_kwargs=options
        ) as cluster,
        Client(cluster, name="a") as one,
        Client(cluster, name="b") as other,
    ):
        columns = array.ones((60, 60), chunks=(10, 60)).rechunk((60, 10))
        asked = [client.compute((columns + k).sum()) for k, client in enumerate((one, other))]
        assert [future.result(60) for future in asked] == [3600.0, 7200.0]
        assert FairShare.name in cluster.scheduler.plugins
        balanced(cluster.scheduler)
