"""The simulator of jobs: a plain twin, queueing theory, conservation, loss of executors, order of users' names."""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.queues import Queue, Stage, Turns, queues
from evenly.balance.queues.drf import Drf
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.balance.queues.virtual_token_counter import VirtualTokenCounter
from evenly.cluster.jobs.cluster import Cluster, Loss
from evenly.cluster.jobs.cut import cut
from evenly.cluster.jobs.estimates.oracle import Oracle
from evenly.cluster.jobs.results import alone, judged, load, times
from evenly.cluster.jobs.simulate import Run, simulate
from evenly.cluster.jobs.splits.runtime import Runtime
from evenly.cluster.jobs.splits.spark import Spark
from evenly.cluster.jobs.submissions.google_homo import GoogleHomo
from evenly.traces.jobs.job import Job, Jobs, Part
from tests.cluster.jobs.twin import twin

NAMES = sorted(set(queues) - {"random-order"})


def ran(jobs: Jobs, queue: Queue, cluster: Cluster | None = None, split: Runtime | Spark | None = None) -> Run:
    return simulate(jobs, cluster or Cluster(2, 2), queue, split or Spark(), Oracle())


def part(seconds: list[float], after: tuple[int, ...] = ()) -> Part:
    return Part(sum(seconds), after, tuple(seconds))


@st.composite
def workloads(draw: st.DrawFn) -> Jobs:
    """Jobs of one to three stages, some of which follow others; times are halves, so that much comes at once."""
    halves = st.integers(1, 12).map(lambda k: k / 2)
    jobs: list[Job] = []
    for place in range(draw(st.integers(1, 7))):
        parts = [part(draw(st.lists(halves, min_size=1, max_size=4)))]
        for k in range(1, draw(st.integers(1, 3))):
            after = tuple(sorted(draw(st.sets(st.integers(0, k - 1)))))
            parts.append(part(draw(st.lists(halves, min_size=1, max_size=3)), after))
        follows = draw(st.integers(-1, place - 1)) if place else -1
        submit = draw(st.integers(0, 12)) / 2
        jobs.append(Job(draw(st.sampled_from("abc")), submit, tuple(parts), "", follows))
    return Jobs(tuple(jobs), "drawn")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(jobs=workloads(), slots=st.integers(1, 4))
def test_the_plain_twin_agrees(name: str, jobs: Jobs, slots: int) -> None:
    queue = queues[name]()
    tasks = {(j, k): list(one.seconds) for j, job in enumerate(jobs.jobs) for k, one in enumerate(job.parts)}
    found = ran(jobs, queue, Cluster(1, slots))
    assert found.finish.tolist() == pytest.approx(twin(jobs, slots, queue, tasks))


@settings(max_examples=40, deadline=None)
@given(jobs=workloads(), name=st.sampled_from(NAMES), lost=st.integers(0, 10))
def test_every_task_runs_once_in_order_on_free_slots_even_if_an_executor_is_lost(
    jobs: Jobs, name: str, lost: int
) -> None:
    cluster = Cluster(2, 2, lost=(Loss(1, lost / 2, lost / 2 + 3),))
    run = ran(jobs, queues[name](), cluster)
    wanted = sorted(
        (j, k, s) for j, job in enumerate(jobs.jobs) for k, one in enumerate(job.parts) for s in one.seconds
    )
    done = zip(run.job.tolist(), run.stage.tolist(), run.seconds.tolist(), strict=True)
    assert sorted(done) == wanted
    for time in run.start.tolist():
        for executor in range(2):
            there = (run.executor == executor) & (run.start <= time) & (run.end > time)
            assert there.sum() <= cluster.cores
    gone = (run.executor == 1) & (run.start < lost / 2 + 3) & (run.end > lost / 2)
    assert not gone.any()
    for j, job in enumerate(jobs.jobs):
        for k, one in enumerate(job.parts):
            mine = run.start[(run.job == j) & (run.stage == k)]
            before = [run.end[(run.job == j) & (run.stage == parent)].max() for parent in one.after]
            assert mine.min() >= max([run.submit[j], *before])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_queues_differ_in_the_order_and_not_in_the_makespan(seed: int) -> None:
    chance = np.random.default_rng(seed)
    jobs = Jobs(
        tuple(Job(f"u{u}", 0.0, (Part(w),)) for u, w in zip("aabbc", chance.uniform(1, 40, 5), strict=True)), ""
    )
    runs = [ran(jobs, queues[name](), split=Runtime(0.5)) for name in NAMES]
    longest = max(float((run.end - run.start).max()) for run in runs)
    assert max(run.makespan for run in runs) - min(run.makespan for run in runs) <= longest + 1e-9
    for run in runs:
        assert run.work.sum() == pytest.approx(jobs.work.sum())


@settings(max_examples=25, deadline=None)
@given(jobs=workloads(), name=st.sampled_from(NAMES))
def test_names_of_users_do_not_matter(jobs: Jobs, name: str) -> None:
    other = {"a": "zoe", "b": "amy", "c": "mia"}
    renamed = Jobs(tuple(replace(job, user=other[job.user]) for job in jobs.jobs), "")
    assert ran(renamed, queues[name]()).finish.tolist() == ran(jobs, queues[name]()).finish.tolist()


@pytest.mark.parametrize(("slots", "load"), [(1, 0.5), (4, 0.7)])
def test_single_tasks_by_chance_wait_as_erlang_says(slots: int, load: float) -> None:
    chance = np.random.default_rng(1)
    count = 20_000
    times = np.cumsum(chance.exponential(1 / (load * slots), count))
    work = chance.exponential(1.0, count)
    jobs = Jobs(tuple(Job("a", t, (part([w]),)) for t, w in zip(times.tolist(), work.tolist(), strict=True)), "")
    offered = load * slots
    terms = [offered**k / math.factorial(k) for k in range(slots)]
    last = offered**slots / math.factorial(slots) / (1 - load)
    wait = last / (sum(terms) + last) / (slots - offered)
    assert ran(jobs, FirstCome(), Cluster(1, slots)).response.mean() == pytest.approx(wait + 1.0, rel=0.06)


def test_a_task_costs_its_overhead_and_a_stage_waits_for_its_parents() -> None:
    jobs = Jobs((Job("a", 1.0, (part([2.0, 2.0]), part([3.0], after=(0,)))),), "")
    run = simulate(jobs, Cluster(1, 1, overhead=0.5), FirstCome(), Spark(), Oracle())
    assert run.end.tolist() == [3.5, 6.0, 9.5]
    assert run.seconds.tolist() == [2.0, 2.0, 3.0]


def test_a_lost_executor_takes_its_tasks_along_and_they_run_anew() -> None:
    jobs = Jobs((Job("a", 0.0, (part([4.0, 4.0]),)),), "")
    run = ran(jobs, FirstCome(), Cluster(2, 1, lost=(Loss(0, 3.0),)))
    assert run.finish.tolist() == [8.0]
    assert run.wasted == 3.0
    assert run.executor.tolist() == [1, 1]


class _Heard(Turns):
    """A queue's turns that note what they are told of slots."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.seconds: dict[str, float] = {}

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        return self.turns.submit(stage, now)

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        return self.turns.start(stage, now)

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        self.seconds[stage.user] = self.seconds.get(stage.user, 0.0) + seconds
        return self.turns.finish(stage, seconds, now)

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        return self.turns.leave(stage, now)

    def pool(self, stage: Stage) -> Hashable:
        return self.turns.pool(stage)

    def key(self, pool: Hashable) -> tuple[float, ...]:
        return self.turns.key(pool)


@dataclass(frozen=True)
class _Hearing:
    queue: Queue
    heard: list[_Heard] = field(default_factory=list)

    def open(self, capacity: tuple[float, ...]) -> Turns:
        self.heard.append(_Heard(self.queue.open(capacity)))
        return self.heard[-1]


@settings(max_examples=25, deadline=None)
@given(jobs=workloads(), name=st.sampled_from(NAMES), at=st.integers(0, 12))
def test_executors_are_busy_for_as_long_as_the_queue_is_told(jobs: Jobs, name: str, at: int) -> None:
    queue = _Hearing(queues[name]())
    cluster = Cluster(2, 2, lost=(Loss(0, float(at), at + 2.0), Loss(1, at + 1.0, at + 5.0)))
    run = ran(jobs, queue, cluster)
    told = queue.heard[0].seconds
    assert sum(told.values()) == pytest.approx(run.attempts.seconds.sum())
    for user, seconds in told.items():
        assert seconds == pytest.approx(sum(run.held[k] for k, job in enumerate(jobs.jobs) if job.user == user))
    found = judged(jobs, cluster, run, run, {})
    assert load(found).work.sum() == pytest.approx(run.work.sum() + run.wasted)
    assert found.service(times(found))[-1:].sum() == pytest.approx(run.held.sum())


def test_who_lost_tasks_has_had_the_slots_that_they_held() -> None:
    each = tuple(Job(user, 0.0, (part([4.0] * 4),)) for user in ("a", "b"))
    run = ran(Jobs(each, ""), VirtualTokenCounter(), Cluster(2, 1, lost=(Loss(0, 3.0, 3.0 + 1e-3),)))
    # Of two first tasks a's is lost after 3 s and begins anew; with these 3 s a has been charged 7 when b has had 4.
    assert run.wasted == 3.0
    order = [run.job[k] for k in np.argsort(run.start, kind="stable")]
    assert order[:3] == [1, 0, 1]


def test_losses_delay_users_and_starve_nobody() -> None:
    jobs = GoogleHomo().draw(0)
    lost = tuple(Loss(executor, 100.0 + executor, 200.0) for executor in range(4))
    whole, torn = (simulate(jobs, Cluster(lost=some), Uwfq(), Runtime(), Oracle()) for some in ((), lost))
    assert torn.response.mean() > whole.response.mean()
    assert torn.wasted <= 16 * 0.5
    assert torn.work.sum() == pytest.approx(whole.work.sum())


def test_tasks_take_several_resources_and_hold_their_turn() -> None:
    one = Part(4.0, (), (2.0, 2.0), 0.0, (1.0, 3.0))
    small = Part(1.0, (), (1.0,), 0.0, (1.0, 1.0))
    jobs = Jobs((Job("a", 0.0, (one,)), Job("b", 0.0, (small,))), "")
    run = simulate(jobs, Cluster(1, 4, resources=(4.0,)), Drf(), Spark(), Oracle())
    assert run.finish.tolist() == [4.0, 1.0]
    bare = Jobs((Job("a", 0.0, (part([2.0] * 4),)),), "")  # holds cores and nothing else
    assert simulate(bare, Cluster(1, 4, resources=(4.0,)), Drf(), Spark(), Oracle()).finish.tolist() == [2.0]
    with pytest.raises(ValueError, match="more than an executor has"):
        simulate(jobs, Cluster(1, 4, resources=(2.0,)), Drf(), Spark(), Oracle())


@given(skew=st.floats(0, 3), tasks=st.integers(1, 600), work=st.floats(0.1, 1e4))
def test_a_split_keeps_the_work_and_a_finer_one_evens_it_out(skew: float, tasks: int, work: float) -> None:
    found = cut(Part(work), work, Runtime(work / tasks), 1, skew, (1, 2))
    assert sum(found) == pytest.approx(work)
    whole = cut(Part(work), work, Runtime(work / 8), 1, skew, (1, 2))
    finer = cut(Part(work), work, Runtime(work / 64), 1, skew, (1, 2))
    assert max(finer) <= max(whole) + 1e-9


def test_no_jobs_at_all_are_no_trouble() -> None:
    assert ran(Jobs((), ""), Ujf()).makespan == 0.0


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.floats(0.0, 9.0), min_size=1, max_size=9),
    slots=st.integers(1, 4),
    overhead=st.sampled_from((0.0, 0.1)),
)
def test_a_job_of_one_stage_alone_takes_what_the_simulator_says(
    seconds: list[float], slots: int, overhead: float
) -> None:
    cluster, jobs = Cluster(1, slots, overhead=overhead), Jobs((Job("a", 3.0, (part(seconds),)),), "one")
    longest_first = Jobs((Job("a", 0.0, (part(sorted(seconds, reverse=True)),)),), "one")
    assert alone(jobs, cluster, ran(jobs, FirstCome(), cluster)) == ran(longest_first, FirstCome(), cluster).makespan
