import time
from typing import Any

import pytest
from dask import (  # type: ignore[attr-defined]
    annotate,
    config,
)
from distributed import Client, wait

from evenly.balance.queues import Turns
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.dask import FairShare
from evenly.hosts.dask.places import SATURATION
from evenly.hosts.dask.waiting import Waiting
from tests.hosts.dask.cluster import arrived, balanced, held, note, noted, until
from tests.hosts.heard import Heard

HEAVY = [f"heavy{i}" for i in range(12)]
LIGHT = ["light0", "light1"]


def test_a_light_user_goes_before_a_heavy_one_who_came_first_and_asked_for_priority() -> None:
    with held() as (cluster, gate), Client(cluster, name="heavy") as heavy, Client(cluster, name="light") as light:
        first, second = noted(heavy, cluster, HEAVY, priority=100), noted(light, cluster, LIGHT)
        balanced(cluster.scheduler)
        gate.opened.set()
        wait([*first, *second])
        assert gate.order[:2] == LIGHT


def test_by_arrival_a_light_user_waits_for_a_heavy_one() -> None:
    with held(FirstCome()) as (cluster, gate), Client(cluster, name="a") as heavy, Client(cluster, name="b") as light:
        first, second = noted(heavy, cluster, HEAVY), noted(light, cluster, LIGHT, priority=100)
        gate.opened.set()
        wait([*first, *second])
        assert gate.order == [*HEAVY, *LIGHT]


def test_users_jobs_and_estimates_are_annotated() -> None:
    with held() as (cluster, gate), Client(cluster) as client:
        with annotate(user="ann", estimate=100.0):
            long = noted(client, cluster, ["long"])
        with annotate(user="bob", estimate=1.0, job="both"):
            short = noted(client, cluster, ["short"])
        with annotate(user="bob", estimate=1.0, job="both"):
            more = noted(client, cluster, ["more"])
        jobs = {key: part.job for key, part in cluster.scheduler.plugins[FairShare.name]._accounts.unfinished.items()}
        assert jobs["short"] is jobs["more"]
        assert (jobs["long"].user, jobs["long"].stage.work) == ("ann", 100.0)
        assert (jobs["short"].name, jobs["short"].stage.work) == ("both", 2.0)
        gate.opened.set()
        wait([*long, *short, *more])
        assert gate.order == ["short", "more", "long"]


def test_an_estimate_that_is_no_number_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with held() as (cluster, gate), Client(cluster) as client:
        with annotate(estimate="soon"):
            futures = noted(client, cluster, ["one"])
        gate.opened.set()
        assert client.gather(futures) == ["one"]
    assert "no number of seconds" in caplog.text


@pytest.mark.parametrize("wrong", [0.1, 10.0])
def test_estimates_wrong_by_ten_times_starve_nobody_and_are_put_right(wrong: float) -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as one, Client(cluster, name="b") as other:
        with annotate(estimate=0.001 * wrong):
            first = noted(one, cluster, [f"wrong{i}" for i in range(40)])
        with annotate(estimate=0.001):
            second = noted(other, cluster, [f"right{i}" for i in range(40)])
        jobs = [cluster.scheduler.plugins[FairShare.name]._accounts.unfinished[key].job for key in ("wrong0", "right0")]
        before = jobs[0].stage.work / jobs[1].stage.work
        gate.opened.set()
        wait([*first, *second])
        assert before == pytest.approx(wrong)
        assert sorted(gate.order) == sorted([*(f.key for f in first), *(f.key for f in second)])
        for job in jobs:  # what was measured has taken the place of what was claimed
            assert job.estimate().work == pytest.approx(sum(part.measured for part in job.parts.values()))


def test_a_user_without_weight_is_served_when_nobody_else_waits() -> None:
    queue = Uwfq(weights={"idle": 0.0})
    with held(queue) as (cluster, gate), Client(cluster, name="idle") as idle, Client(cluster, name="busy") as busy:
        first, second = noted(idle, cluster, ["idle0", "idle1"]), noted(busy, cluster, HEAVY)
        gate.opened.set()
        wait([*first, *second])
        assert gate.order == [*HEAVY, "idle0", "idle1"]


def test_a_task_waits_for_what_it_needs_and_then_for_its_turn() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as client:
        root = client.submit(note, cluster.gate, "root", key="root")
        leaf = client.submit(note, cluster.gate, "leaf", root, key="leaf")
        until(lambda: "leaf" in cluster.scheduler.tasks)
        assert [ts.key for ts in cluster.scheduler.queued] == ["root"]
        assert cluster.scheduler.tasks["leaf"].state == "waiting"
        gate.opened.set()
        wait(leaf)
        assert gate.order == ["root", "leaf"]


def test_what_a_client_that_is_gone_had_queued_leaves() -> None:
    with held() as (cluster, gate), Client(cluster, name="stays") as stays:
        with Client(cluster, name="goes") as goes:
            noted(goes, cluster, HEAVY)
            kept = noted(stays, cluster, LIGHT)
        until(lambda: not any(key in cluster.scheduler.tasks for key in HEAVY))
        balanced(cluster.scheduler)
        gate.opened.set()
        wait(kept)
        assert gate.order == LIGHT


def test_what_was_dropped_is_not_held_against_a_user() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as one, Client(cluster, name="b") as other:
        with annotate(estimate=100.0):
            dropped = noted(one, cluster, HEAVY)
        one.cancel(dropped)
        until(lambda: not any(key in cluster.scheduler.tasks for key in HEAVY))
        with annotate(estimate=10.0):
            later = noted(other, cluster, ["other"])
        with annotate(estimate=1.0):
            sooner = noted(one, cluster, ["small"])
        gate.opened.set()
        wait([*later, *sooner])
        assert gate.order == ["small", "other"]


def test_cancelled_tasks_leave_and_retried_ones_run_until_they_succeed() -> None:
    runs = []

    def fails_twice() -> str:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError
        return "done"

    with held() as (cluster, gate), Client(cluster, name="a") as client:
        gone, kept = noted(client, cluster, HEAVY), noted(client, cluster, LIGHT)
        again = client.submit(fails_twice, retries=2)
        failed = client.submit(lambda: 1 / 0)
        client.cancel(gone)
        until(lambda: not any(key in cluster.scheduler.tasks for key in HEAVY))
        balanced(cluster.scheduler)
        gate.opened.set()
        wait(kept)
        assert again.result() == "done"
        assert isinstance(failed.exception(), ZeroDivisionError)
        assert gate.order == LIGHT


def test_an_attempt_that_fails_counts_as_service_and_not_in_the_estimate() -> None:
    heard, runs = Heard(), list[int]()

    def fails_once() -> None:
        runs.append(1)
        time.sleep(0.1)
        if len(runs) < 2:
            raise RuntimeError

    with held(heard) as (cluster, gate), Client(cluster, name="a") as client:
        gate.opened.set()
        wait(client.submit(fails_once, retries=1, key="fails-once"))
        assert [seconds >= 0.1 for seconds in heard.seconds[-2:]] == [True, True], "after the one that held the thread"
        (part,) = [
            part
            for key, part in cluster.scheduler.plugins[FairShare.name]._accounts.finished.items()
            if key == "fails-once"
        ]
        assert 0.1 <= part.measured <= heard.seconds[-1]


def test_a_worker_that_comes_helps_at_once() -> None:
    with held() as (cluster, gate), Client(cluster, name="a") as client:
        futures = noted(client, cluster, HEAVY)
        cluster.scale(2)
        wait(futures)  # the first thread still stands still
        assert not gate.opened.is_set()
        assert gate.order == HEAVY


def test_removed_in_mid_run_it_gives_the_queue_back() -> None:
    own = config.set({"distributed.scheduler.worker-saturation": 1.5})
    with own, held() as (cluster, gate), Client(cluster, name="heavy") as heavy, Client(cluster, name="light") as light:
        assert cluster.scheduler.WORKER_SATURATION == SATURATION
        first, second = noted(heavy, cluster, HEAVY), noted(light, cluster, LIGHT)
        heavy.unregister_scheduler_plugin(FairShare.name)
        gate.opened.set()
        wait([*first, *second])
        late = noted(light, cluster, ["late"])
        wait(late)
        assert sorted(gate.order) == sorted([*HEAVY, *LIGHT, "late"])
        assert not isinstance(cluster.scheduler.queued, Waiting)
        assert all(len(ts.priority) == 3 for ts in cluster.scheduler.tasks.values())
        assert cluster.scheduler.WORKER_SATURATION == 1.5


def test_registered_in_mid_run_it_takes_what_waits() -> None:
    with held(on=False) as (cluster, gate), Client(cluster, name="a") as heavy, Client(cluster, name="b") as light:
        keys = (
            [("heavy", i) for i in range(12)],
            [("light", i) for i in range(3)],
        )  # of groups large enough to be queued
        first = heavy.map(note, [cluster.gate] * 12, HEAVY, key=keys[0])
        second = light.map(note, [cluster.gate] * 3, [*LIGHT, "light2"], key=keys[1])
        arrived(cluster, [("heavy", 11), ("light", 2)])
        light.register_plugin(FairShare(Uwfq(weights={"a": 0.0})))
        balanced(cluster.scheduler)
        assert "stealing" not in cluster.scheduler.periodic_callbacks
        gate.opened.set()
        wait([*first, *second])
        assert gate.order[:4] == ["heavy0", "light0", "light1", "light2"]  # Dask had sent a second task to the thread


class Failing(Turns):
    """Turns of a queue of which one verb fails from some call on."""

    def __init__(self, turns: Turns, verb: str, calls: int) -> None:
        self.turns, self.verb, self.left = turns, verb, calls

    def ask(self, verb: str, *args: Any) -> Any:
        if verb == self.verb:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError(f"{verb} fails")
        return getattr(self.turns, verb)(*args)

    def submit(self, *args: Any) -> Any:
        return self.ask("submit", *args)

    def start(self, *args: Any) -> Any:
        return self.ask("start", *args)

    def finish(self, *args: Any) -> Any:
        return self.ask("finish", *args)

    def leave(self, *args: Any) -> Any:
        return self.ask("leave", *args)

    def pool(self, *args: Any) -> Any:
        return self.ask("pool", *args)

    def key(self, *args: Any) -> Any:
        return self.ask("key", *args)


class Faulty:
    def __init__(self, verb: str, calls: int) -> None:
        self.verb, self.calls = verb, calls

    def open(self, capacity: tuple[float, ...]) -> Failing:
        return Failing(Uwfq().open(capacity), self.verb, self.calls)


@pytest.mark.parametrize(
    ("verb", "calls"), [("submit", 1), ("start", 3), ("finish", 3), ("leave", 1), ("pool", 9), ("key", 30)]
)
def test_a_queue_that_fails_is_told_and_dask_goes_on(verb: str, calls: int, caplog: pytest.LogCaptureFixture) -> None:
    with held(Faulty(verb, calls)) as (cluster, gate), Client(cluster, name="a") as one, Client(cluster) as other:
        first, second = noted(one, cluster, HEAVY), noted(other, cluster, LIGHT)
        gate.opened.set()
        wait([*first, *second])
        wait(noted(other, cluster, ["late"]))
        assert sorted(gate.order) == sorted([*HEAVY, *LIGHT, "late"])
        assert not isinstance(cluster.scheduler.queued, Waiting)
        assert FairShare.name not in cluster.scheduler.plugins
    assert f"{verb} fails" in caplog.text
    assert "share this cluster no longer" in caplog.text
