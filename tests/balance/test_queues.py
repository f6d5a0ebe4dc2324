"""Queues: the exam of each, what each promises, and what the others break."""

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from evenly.balance.fair_clock import FairClock
from evenly.balance.queues import Queue, Stage, Turns, queues
from evenly.balance.queues._deadlines import Deadlines
from evenly.balance.queues.cfq import Cfq
from evenly.balance.queues.deficit_round_robin import DeficitRoundRobin
from evenly.balance.queues.drf import Drf
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.least_attained_service import LeastAttainedService
from evenly.balance.queues.shortest_job import ShortestJob
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq, _of_jobs
from evenly.balance.queues.virtual_token_counter import VirtualTokenCounter
from evenly.testing.queues import Job, check_queue, ideal, lateness, serve, workload
from tests.seeds import seeds as seeded

CORES = 8
PIECE = 0.5  # seconds: the advised task runtime of arXiv 2510.15485


def crowd(seed: int) -> list[Job]:
    return workload(seed, jobs=60, users=6, cores=CORES, piece=PIECE)


@dataclass(frozen=True)
class Wrong:
    """A clock that runs at another rate than the cluster."""

    factor: float

    def open(self, capacity: tuple[float, ...]) -> Turns:
        return Deadlines(_of_jobs, {}, self.factor * capacity[0])


@pytest.mark.parametrize("name", queues.names())
def test_every_queue_passes_the_exam(name: str) -> None:
    check_queue(queues[name]())


def beyond(queue: Queue, jobs: list[Job]) -> float:
    """Return how much later than the law allows a job ends: the ideal, two longest tasks, and what was overtaken.

    That is work that was started of a job which a shorter one of the same user, come later, then put behind the job in
    question: nobody could know. A longest task holds up a job that comes, and another is its own last.
    """
    run, ends = serve(queue, jobs, CORES), ideal(jobs, CORES).finish.tolist()
    clock = FairClock(float(CORES))
    for index, job in enumerate(jobs):
        clock.submit(job.user, index, job.work, job.arrival)
    deadline = [clock.deadline(index) for index in range(len(jobs))]
    last = [0.0] * len(jobs)  # when a job was overtaken
    for one, job in enumerate(jobs):
        for two, other in enumerate(jobs[one + 1 :], one + 1):
            if other.user == job.user and other.arrival < ends[one] and deadline[two] < deadline[one]:
                last[one] = other.arrival
    early = [(start, one, jobs[one].tasks[task]) for start, one, task in run.starts if start < last[one]]
    longest = max(max(job.tasks) for job in jobs)
    late = []
    for one, end in enumerate(run.finish):
        work = sum(task for start, other, task in early if deadline[other] > deadline[one] and start < end)
        late.append(end - ends[one] - 2 * longest - work / CORES)
    return float(max(late))


@seeded(20, 60, 3000)
def test_no_job_ends_later_than_the_ideal_by_more_than_two_tasks_and_what_was_overtaken(seeds: range) -> None:
    assert max(beyond(Uwfq(), crowd(seed)) for seed in seeds) <= 1e-9


@pytest.mark.parametrize("seeds", [range(60)])
def test_that_is_seldom_more_than_a_longest_task_and_a_longest_job(seeds: range) -> None:
    assert max(lateness(Uwfq(), crowd(seed), CORES) for seed in seeds) <= 1e-9


@pytest.mark.thorough
def test_of_thousands_of_workloads_few_are_late_by_more_and_by_little() -> None:
    late = np.array([lateness(Uwfq(), crowd(seed), CORES) for seed in range(3000)])
    assert 0 < np.mean(late > 0) < 0.005
    assert late.max() < 2.0


@pytest.mark.parametrize(
    "queue",
    [FirstCome(), Fair(), Cfq(), Ujf(), Wrong(0.1), Wrong(10.0)],
    ids=["first-come", "fair", "cfq", "ujf", "slow", "fast"],
)
def test_others_and_a_clock_of_a_wrong_rate_break_both(queue: Queue) -> None:
    assert max(lateness(queue, crowd(seed), CORES) for seed in range(20)) > 1.0
    assert max(beyond(queue, crowd(seed)) for seed in range(20)) > 1.0


@pytest.mark.parametrize("seed", range(5))
def test_one_user_alone_is_served_by_the_shortest_of_what_comes_at_once(seed: int) -> None:
    jobs = [replace(job, user="ann", arrival=0.0) for job in crowd(seed)]
    assert serve(Uwfq(), jobs, CORES) == serve(ShortestJob(), jobs, CORES)


@pytest.mark.parametrize("seed", range(5))
def test_one_user_alone_is_served_in_the_order_in_which_equal_shares_would_end(seed: int) -> None:
    jobs = [replace(job, user="ann") for job in crowd(seed)]
    ends = ideal(jobs, CORES).finish
    turns = Uwfq().open((float(CORES),))
    for index, job in enumerate(jobs):
        turns.submit(Stage(index, index, job.user, 1, job.work, job.work), job.arrival)
    by_deadline = sorted(range(len(jobs)), key=lambda index: turns.key(index))
    assert by_deadline == np.argsort(ends, kind="stable").tolist()


@pytest.mark.parametrize("seed", range(5))
def test_with_one_job_for_each_user_it_is_cfq(seed: int) -> None:
    jobs = [replace(job, user=f"user {index}") for index, job in enumerate(crowd(seed))]
    assert serve(Uwfq(), jobs, CORES) == serve(Cfq(), jobs, CORES)


@pytest.mark.parametrize("seed", range(5))
def test_with_cores_alone_drf_is_ujf(seed: int) -> None:
    assert serve(Drf(), crowd(seed), CORES) == serve(Ujf(), crowd(seed), CORES)


@pytest.mark.parametrize("seed", range(10))
def test_the_law_of_lateness_holds_with_weights_beside_users_without(seed: int) -> None:
    chance = random.Random(seed)
    weights = {f"u{index}": chance.choice([0.0, 0.25, 1.0, 4.0]) for index in range(6)}
    jobs = crowd(seed)
    run, ends = serve(Uwfq(weights), jobs, CORES), ideal(jobs, CORES, weights).finish
    allowed = max(max(job.tasks) for job in jobs) + max(job.work for job in jobs) / CORES
    late = [run.finish[index] - ends[index] for index, job in enumerate(jobs) if weights[job.user] > 0]
    assert max(late, default=0.0) <= allowed + 1e-9


def backlog(users: int, count: int = 40, seconds: float = 1.0) -> list[Job]:
    """Return jobs of users who all want everything at once."""
    return [Job(f"u{user}", 0.0, (seconds,) * 20) for _ in range(count) for user in range(users)]


def service(queue: Queue, jobs: list[Job], until: float) -> dict[str, float]:
    """Return the core-seconds that each user has had until a time."""
    had: dict[str, float] = {}
    for start, job, task in serve(queue, jobs, CORES).starts:
        seconds = max(0.0, min(until - start, jobs[job].tasks[task]))
        had[jobs[job].user] = had.get(jobs[job].user, 0.0) + seconds
    return had


WEIGHTED = [Uwfq, Ujf, Drf, VirtualTokenCounter, DeficitRoundRobin, LeastAttainedService]


@pytest.mark.parametrize("kind", WEIGHTED)
def test_users_get_service_by_their_weights(kind: Any) -> None:
    had = service(kind(weights={"u0": 3.0}), backlog(2), until=100.0)
    assert had["u0"] / had["u1"] == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("kind", [*WEIGHTED, Fair, Cfq])
def test_a_user_of_weight_zero_gets_what_is_left_and_all_of_that(kind: Any) -> None:
    queue = kind(weights={"idle": 0.0})
    jobs = [Job("idle", 0.0, (1.0,) * 80), *(replace(job, arrival=2.0) for job in backlog(2, 4))]
    run = serve(queue, jobs, CORES)
    assert len([start for start, job, _ in run.starts if job == 0 and start < 2.0]) == 2 * CORES
    others = max(start for start, job, _ in run.starts if job > 0)
    assert not [start for start, job, _ in run.starts if job == 0 and 2.0 <= start < others]


def test_users_who_always_ask_never_differ_by_more_than_what_runs_at_once() -> None:
    chance = random.Random(1)
    jobs = [
        Job(f"u{user}", 0.0, tuple(chance.uniform(0.1, 2.0) for _ in range(20))) for _ in range(20) for user in (0, 1)
    ]
    for until in (5.0, 20.0, 40.0):
        had = service(VirtualTokenCounter(), jobs, until)
        assert abs(had["u0"] - had["u1"]) <= 2 * CORES * 2.0


def test_who_comes_back_has_saved_nothing() -> None:
    jobs = [Job("u0", 0.0, (1.0,) * 800), Job("u1", 50.0, (1.0,) * 400)]
    for queue in (VirtualTokenCounter(), DeficitRoundRobin()):
        late = [start for start, job, _ in serve(queue, jobs, CORES).starts if job == 0 and 50.0 <= start < 55.0]
        assert len(late) >= 10, "the first user is starved while the other catches up"


def test_dominant_shares_are_those_of_the_paper() -> None:
    """Nine cores and 18 GB; tasks of <1, 4> and <3, 1>: three of the first user, two of the second."""
    turns = Drf().open((9.0, 18.0))
    stages = {"A": Stage("a", "a", "A", demand=(1.0, 4.0)), "B": Stage("b", "b", "B", demand=(3.0, 1.0))}
    for stage in stages.values():
        turns.submit(stage, 0.0)
    free, runs = [9.0, 18.0], {"A": 0, "B": 0}
    while True:
        user = min(stages, key=turns.key)
        if any(has < asks for has, asks in zip(free, stages[user].demand, strict=True)):
            break
        free = [has - asks for has, asks in zip(free, stages[user].demand, strict=True)]
        turns.start(stages[user], 0.0)
        runs[user] += 1
    assert runs == {"A": 3, "B": 2}


def test_drf_refuses_tasks_of_other_resources() -> None:
    with pytest.raises(ValueError, match="hold 1 resources, the cluster has 2"):
        Drf().open((9.0, 18.0)).submit(Stage("a", "a", "A"), 0.0)


def test_jobs_below_their_minimum_go_first() -> None:
    turns = Fair(min_shares={"bob": 2.0}).open((4.0,))
    ann, bob = Stage("a", "a", "ann", 4), Stage("b", "b", "bob", 4)
    turns.submit(ann, 0.0)
    turns.submit(bob, 0.0)
    started = []
    for _ in range(4):
        first = min((ann, bob), key=lambda stage: turns.key(stage.job))
        turns.start(first, 0.0)
        started.append(first.user)
    assert started == ["bob", "bob", "ann", "ann"]


def test_a_late_stage_keeps_its_jobs_deadline_and_live_jobs_are_all_that_is_kept() -> None:
    turns = Uwfq(grace=0.0).open((2.0,))
    for number in range(500):
        stages = [Stage((number, part), number, "ann", 1, 1.0, 2.0) for part in range(2)]
        turns.submit(stages[0], float(number))
        key = turns.key(number)
        turns.leave(stages[0], number + 0.5)
        turns.submit(stages[1], number + 0.5)
        assert turns.key(number) == key
        turns.leave(stages[1], number + 1.0)
    assert len(turns.clocks[0]) <= 2


def test_weights_and_knobs_that_make_no_sense_are_refused() -> None:
    for kind in (*WEIGHTED, Fair, Cfq):
        with pytest.raises(ValueError, match="a weight is at least 0, not -1 of 'ann'"):
            kind(weights={"ann": -1})
    for made in (lambda: Uwfq(grace=-1.0), lambda: DeficitRoundRobin(quantum=0.0), lambda: Ujf(min_shares={"a": -1.0})):
        with pytest.raises(ValueError, match="not"):
            made()
