"""A real Spark whose jobs are released in turn: results, order, and everything that goes wrong."""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evenly.balance.queues import Stage, Turns, queues
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.light_beside_heavy import Ask, Measured
from evenly.hosts.shared_jobs import JobRecord, simulated, write
from evenly.hosts.spark.fair_share import FairShare
from evenly.hosts.spark.job import DIFFERS, Job, JobFailedError, said
from evenly.hosts.spark.measure import figures, run
from evenly.hosts.spark.pools import POOL, Pools
from evenly.traces.jobs.recorded import read
from tests.hosts.heard import Heard
from tests.test_docs import blocks

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
SPACE: dict[str, Any] = {"__name__": "example"}
NAP = 0.05  # seconds of a task that others are to overtake
MANY = 48  # tasks of a job that others are to overtake, so that it still waits when a busy machine gets to them


@pytest.fixture
def shared(pools: Pools) -> Iterator[FairShare]:
    with FairShare(pools.spark, Uwfq(weights={"nobody": 0.0})) as made:
        yield made
    assert not made._jobs
    assert not len(made.line)
    assert made.outstanding == 0


def numbers(shared: FairShare, parts: int) -> Any:
    return shared.context.parallelize(range(3 * parts), parts)


def nap(seconds: float) -> Callable[[Iterable[int]], Iterable[int]]:
    def work(rows: Iterable[int]) -> Iterable[int]:
        import time

        time.sleep(seconds)
        return rows

    return work


def submit(shared: FairShare, user: str, parts: int, seconds: float = NAP, **more: Any) -> Job:
    with shared.user(user):
        return shared.submit(numbers(shared, parts), nap(seconds), **more)


def ended(*jobs: Job) -> list[Job]:
    """Wait for jobs; return them in the order of their ends."""
    for job in jobs:
        job.result(120)
    return sorted(jobs, key=lambda job: job.over or 0.0)


@pytest.mark.parametrize("name", sorted(queues))
def test_results_are_those_of_spark_whatever_the_queue(name: str, pools: Pools) -> None:
    with FairShare(pools.spark, queues[name]()) as shared:
        jobs = [submit(shared, user, parts, 0.0) for user, parts in (("ann", 5), ("bob", 3), ("ann", 1))]
        for job, parts in zip(jobs, (5, 3, 1), strict=True):
            assert job.result(120) == list(range(3 * parts))
        assert [len(one.tasks) for one in sorted(shared.records(), key=lambda one: int(one.job.partition("-")[2]))] == [
            5,
            3,
            1,
        ]


def test_a_frame_a_part_without_rows_and_an_rdd_without_parts(shared: FairShare, pools: Pools) -> None:
    with shared.user("ann"):
        frame = pools.spark.range(7).selectExpr("id * 2 AS double")
        assert [row.double for row in shared.collect(frame)] == list(range(0, 14, 2))
        assert shared.run(shared.context.parallelize([1], 3)) == [1]
        assert shared.run(shared.context.emptyRDD()) == []


def test_a_small_job_overtakes_a_large_one(shared: FairShare) -> None:
    large = submit(shared, "bob", MANY)
    small = submit(shared, "ann", 2)
    assert ended(large, small) == [small, large]


@pytest.mark.parametrize("wrong", [0.1, 10.0])
def test_wrong_estimates_starve_nobody(shared: FairShare, wrong: float) -> None:
    """Whoever claims too little is found out by their first tasks, whoever claims too much still ends."""
    large = submit(shared, "bob", MANY, estimate=wrong * MANY * NAP)
    small = submit(shared, "ann", 2, estimate=2 * NAP / wrong)
    last = submit(shared, "bob", 2, estimate=2 * NAP)
    assert ended(large, small, last)[-1] == large
    assert large.took / DIFFERS <= large.stage.work <= large.took * DIFFERS


def test_a_user_of_weight_zero_waits_for_all_others_and_is_then_served(shared: FairShare) -> None:
    nobody = submit(shared, "nobody", MANY)
    others = [submit(shared, user, 6) for user in ("ann", "bob")]
    assert ended(nobody, *others)[-1] == nobody
    assert ended(submit(shared, "nobody", 2))


def test_spark_has_few_tasks_at_a_time(shared: FairShare) -> None:
    job, most = submit(shared, "bob", 20), 0
    while job.over is None:
        with shared.lock:
            most = max(most, shared.outstanding - shared.cores - job.ahead)
        time.sleep(NAP / 10)
    assert most <= 0
    assert ended(job)


def test_tiny_tasks_go_together(shared: FairShare) -> None:
    """So that what a job costs Spark is not paid for each of them; here all take a millisecond, however busy we are."""
    job, chunks = submit(shared, "ann", 40, 0.0, estimate=0.01), list[int]()
    release = job.release

    def counted(chunk: list[int]) -> list[Any]:
        chunks.append(len(chunk))
        return [(1e-3, found) for _, found in release(chunk)]

    job.release = counted
    assert job.result(120) == list(range(120))
    assert sum(chunks) <= 40
    assert max(chunks) == 5, "half of what Spark has at most: two cores and 0.1 s of tasks of 21 ms for each"
    assert len(chunks) <= 20


def test_a_task_that_fails_once_is_tried_again_and_one_that_always_fails_ends_its_job_alone(shared: FairShare) -> None:
    def once(rows: Iterable[int]) -> Iterable[int]:
        from pyspark import TaskContext

        here = TaskContext.get()
        if here is not None and here.partitionId() == 1 and here.attemptNumber() == 0:
            raise OSError("once")
        return rows

    def always(rows: Iterable[int]) -> Iterable[float]:
        return [1 / (row - 4) for row in rows]

    with shared.user("ann"):
        fine = shared.submit(numbers(shared, 3), once)
    with shared.user("bob"):
        broken = shared.submit(numbers(shared, 12), always)
    with pytest.raises(JobFailedError, match=r"of user 'bob' failed in partitions 1: ZeroDivisionError: .*by zero$"):
        broken.result(120)
    assert broken.error is not None
    assert broken.error.__cause__ is not None
    assert fine.result(120) == list(range(9)), "each element once"


def test_what_a_job_that_fails_has_held_counts_as_service(pools: Pools) -> None:
    def fails(rows: Iterable[int]) -> Iterable[float]:
        import time

        time.sleep(0.1)
        return [1 / 0 for _ in rows]

    heard = Heard()
    failed = pytest.raises(JobFailedError, match="division by zero")
    with FairShare(pools.spark, heard) as shared, shared.user("ann"), failed:
        shared.run(numbers(shared, 1), fails)
    (seconds,) = heard.seconds
    assert seconds >= 0.2, "Spark tries a task twice"


def test_a_client_who_gives_up_leaves_the_line(shared: FairShare, monkeypatch: pytest.MonkeyPatch) -> None:
    job, other = submit(shared, "bob", 40), submit(shared, "bob", 2)
    with pytest.raises(TimeoutError, match=r"has \d+ of 40 tasks after 0.01 s"):
        job.result(0.01)
    job.cancel()
    with pytest.raises(JobFailedError, match="was cancelled"):
        job.result(120)
    assert other.result(120) == list(range(6))
    other.cancel()
    assert other.result() == list(range(6)), "what is over stays so"

    def interrupted(job: Job, timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "result", interrupted)
    with shared.user("bob"), pytest.raises(KeyboardInterrupt):
        shared.run(numbers(shared, 40), nap(NAP))
    with shared.lock:
        assert not len(shared.line)


def test_closing_cancels_what_waits(pools: Pools) -> None:
    with FairShare(pools.spark) as shared:
        job = submit(shared, "bob", 40)
    with pytest.raises(JobFailedError, match="was cancelled"):
        job.result()
    with shared.user("bob"), pytest.raises(ValueError, match="closed"):
        shared.submit(numbers(shared, 1))


def test_a_queue_that_fails_ends_all_jobs_instead_of_leaving_them(pools: Pools) -> None:
    class Broken(Turns):
        def pool(self, stage: Stage) -> Hashable:
            return None

        def key(self, pool: Hashable) -> tuple[float, ...]:
            return (0.0,)

        def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
            raise ZeroDivisionError("of the queue")

    class BrokenQueue:
        def open(self, capacity: tuple[float, ...]) -> Turns:
            return Broken()

    with FairShare(pools.spark, BrokenQueue()) as shared:
        jobs = [submit(shared, user, 4) for user in ("bob", "ann")]
        for job in jobs:
            with pytest.raises(JobFailedError, match="as the queue failed: ZeroDivisionError: of the queue"):
                job.result(120)


def test_what_comes_before_a_shuffle_is_told_and_can_be_persisted(shared: FairShare) -> None:
    pairs = shared.context.parallelize([(k % 3, 1) for k in range(30)], 4)
    with shared.user("ann"):
        with pytest.warns(UserWarning, match="computed from a shuffle"):
            assert sorted(shared.run(pairs.reduceByKey(int.__add__))) == [(0, 10), (1, 10), (2, 10)]
        kept = shared.persist(pairs.map(lambda pair: (pair[0], 2)))
        assert sorted(shared.run(kept.reduceByKey(int.__add__))) == [(0, 20), (1, 20), (2, 20)]
        kept.unpersist()


def test_a_thread_inherits_its_user(shared: FairShare) -> None:
    from pyspark import InheritableThread

    jobs: list[Job] = []
    with shared.user("ann"):
        thread = InheritableThread(target=lambda: jobs.append(shared.submit(numbers(shared, 1))))
        thread.start()
    thread.join()
    assert jobs[0].stage.user == "ann"
    assert jobs[0].result(120) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"inside `with shared.user"):
        shared.submit(numbers(shared, 1))


def test_bad_values_are_refused(shared: FairShare, pools: Pools) -> None:
    for wrong in ({"atr": 0.0}, {"cores": 0}):
        with pytest.raises(ValueError, match="positive"):
            FairShare(pools.spark, **wrong)
    with shared.user("ann"), pytest.raises(ValueError, match="at least 0, not -1"):
        shared.submit(numbers(shared, 1), estimate=-1.0)
    with pytest.raises(ValueError, match="not empty"), shared.user(""):
        pass


def test_a_record_is_read_by_the_simulator(shared: FairShare, tmp_path: Path) -> None:
    ended(submit(shared, "bob", 4), submit(shared, "ann", 2))
    records = shared.records()
    write(tmp_path / "jobs.jsonl", records)
    jobs = read(tmp_path / "jobs.jsonl")
    assert sorted(job.user for job in jobs.jobs) == ["ann", "bob"]
    assert sorted(jobs.work) == pytest.approx(sorted(sum(one.tasks) for one in records))
    assert (simulated(records, Uwfq(), 2) >= [max(one.tasks) for one in records]).all()


@pytest.mark.parametrize("name", ["ujf", "uwfq"])
def test_a_measured_run_tells_what_each_task_held(name: str, pools: Pools) -> None:
    asks = (Ask("heavy", 0.0, 4), Ask("light", 0.02, 1))
    found = run(name, pools.spark, asks, NAP)
    assert [len(one.tasks) for one in found.records] == [4, 1]
    assert all(seconds >= NAP for one in found.records for seconds in one.tasks)
    assert all(one.response >= max(one.tasks) for one in found.records)
    assert all(mine >= max(one.tasks) - 1e-9 for mine, one in zip(found.simulated, found.records, strict=True))


def test_figures_of_runs_are_those_computed_by_hand() -> None:
    runs = []
    for name, light, predicted in (("fifo", 6.0, 6.0), ("fair", 3.0, 1.0), ("ujf", 2.0, 2.0), ("uwfq", 1.0, 1.1)):
        records = [JobRecord(user, user, "", 0.0, end, (1.0,)) for user, end in (("light", light), ("heavy", 4.0))]
        runs.append(Measured(name, tuple(records), (predicted, 4.0)))
    found = figures(runs)
    assert (found["light_fair"], found["all_fair"], found["gain"]) == (3.0, 3.5, 6.0)
    assert found["off"] == found["off_fair"] == pytest.approx(100 * (1 - 2.5 / 3.5))
    assert found["reversed"] == 1, "ujf over fair"


def test_what_went_wrong_is_one_line() -> None:
    raised = "Traceback (most recent call last):\n  File\nKeyError: 'a'\n"
    text = f"x: Job aborted.\n{raised}\n\tat org.apache.Some\nMy.Error: b"
    assert said(RuntimeError(text)) == "KeyError: 'a'"
    assert said(RuntimeError("Job 3 cancelled\nand more")) == "Job 3 cancelled"


def test_pools_serve_a_user_of_weight_zero_last(pools: Pools) -> None:
    """Spark divides running tasks by the weight: nothing by 0 is no number, which sorts behind all numbers."""
    from pyspark import InheritableThread

    context, ends = pools.spark.sparkContext, list[str]()

    def client(user: str, parts: int) -> None:
        context.runJob(context.parallelize(range(parts), parts), nap(NAP))
        ends.append(user)

    threads = []
    for user, parts in (("nobody", MANY), ("ann", 6), ("bob", 6)):
        with pools.user(user):
            threads.append(InheritableThread(target=client, args=(user, parts)))
            threads[-1].start()
        if not ends:
            time.sleep(NAP)  # whoever has no weight has begun
    for thread in threads:
        thread.join()
    assert ends[-1] == "nobody"
    assert context.getLocalProperty(POOL) is None


def test_pools_cannot_be_changed_while_a_session_is_there(pools: Pools) -> None:
    with pytest.raises(ValueError, match=r"has spark.scheduler.mode = FAIR; stop it first"):
        Pools.open(FirstCome(), type(pools.spark).builder)


def test_the_page_runs_as_it_stands_there(pools: Pools) -> None:
    """The last one, as it needs sessions of its own: Java is started once a process and takes longest."""
    pools.spark.stop()
    for block in blocks("spark"):
        if block.kind == "python":
            exec(compile(block.text, "spark.md", "exec"), SPACE)
    assert "pools" in SPACE, "both examples ran"
