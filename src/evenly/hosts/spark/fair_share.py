"""The driver releases what many users ask of one Spark application, in the order of a queue."""

import itertools
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from evenly.balance.line import Line
from evenly.balance.queues import Queue, Stage
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.shared_jobs import JobRecord
from evenly.hosts.spark.estimates import UNKNOWN, Estimates
from evenly.hosts.spark.job import Job, JobFailedError, said, timed
from evenly.hosts.spark.properties import USER, holding

ATR = 0.5  # seconds that a released task may take, the advised task time of arXiv 2510.15485
LEAST = 1e-3  # seconds of a task that claims to take none
SHUFFLED = "+-("  # how Spark's description of an RDD draws a stage before a shuffle
KEPT = "CachedPartitions:"  # and partitions that executors keep


_names = itertools.count()


class FairShare:
    """Shares one Spark application between users by any queue, also by those that Spark's pools cannot express.

    Spark never interrupts a task and serves its jobs in their order, so what it has not been given yet can still be
    put in another order. Each job is cut into chunks of partitions that are expected to take at most `atr` seconds
    together, or of one that takes longer. Spark has as many tasks as there are cores, and a tenth of a second of work
    that waits; the next chunk is of the job whose turn it is. A job is one action on one RDD, and its last stage is
    what is cut: see `persist` for those before it.

    Estimates are given with a job or learned from finished tasks of its kind, and are put right as its own tasks
    finish. Close it, or use it as a context: what still waits is then cancelled.
    """

    def __init__(self, spark: Any, queue: Queue | None = None, *, atr: float = ATR, cores: int | None = None) -> None:
        """Share a session; `cores` is what Spark says where it is not given, `queue` is `Uwfq` with equal weights."""
        if not 0 < atr < float("inf") or (cores is not None and cores < 1):
            raise ValueError(f"atr is a positive number of seconds, cores at least 1, not {atr} and {cores}")
        self.context = spark.sparkContext
        self.cores = cores or self.context.defaultParallelism
        self.atr = atr
        self.begin = time.monotonic()
        self.lock = threading.Condition()
        self.outstanding = 0
        self.line = Line[tuple[Job, int]]((queue or Uwfq()).open((float(self.cores),)))
        self.estimates = Estimates()
        self._jobs: dict[Job, None] = {}
        self._records: list[JobRecord] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(2 * self.cores + 1, "evenly")

    @contextmanager
    def user(self, name: str) -> Iterator[None]:
        """Let what this thread submits, and the `InheritableThread`s that it starts, be of a user."""
        with holding(self.context, USER, name):
            yield

    def run(
        self,
        rdd: Any,
        function: Callable[[Iterable[Any]], Iterable[Any]] = list,
        *,
        estimate: float | None = None,
        kind: str = "",
    ) -> list[Any]:
        """Submit a job and return its result; whoever is interrupted while waiting cancels it. As `submit`."""
        job = self.submit(rdd, function, estimate=estimate, kind=kind)
        try:
            return job.result()
        except BaseException:
            job.cancel()
            raise

    def submit(
        self,
        rdd: Any,
        function: Callable[[Iterable[Any]], Iterable[Any]] = list,
        *,
        estimate: float | None = None,
        kind: str = "",
    ) -> Job:
        """Enter a job that applies `function` to the iterator of each partition, as `SparkContext.runJob` does.

        `estimate` is in core-seconds for the whole job; without it that of finished jobs of the same `kind` is taken,
        by default the name of the function. Raises `ValueError` outside of `user` and after `close`.
        """
        user = self.context.getLocalProperty(USER)
        if not user:
            raise ValueError("whose job is this? Submit it inside `with shared.user(NAME):`")
        if estimate is not None and not 0 <= estimate < float("inf"):
            raise ValueError(f"an estimate is in core-seconds, at least 0, not {estimate}")
        parts = rdd.getNumPartitions()
        self._warn_of_shuffles(rdd)
        name = f"evenly-{next(_names)}"
        claim = UNKNOWN if estimate is None else max(estimate / max(parts, 1), LEAST)
        run = partial(self._run, rdd, timed(function), name, self.context._jsc.sc().getLocalProperties().clone())
        stage, now = Stage(name, name, user, parts), time.monotonic()
        job = Job(self, stage, kind or _name(function), claim, estimate is not None, now, run)
        with self.lock:
            if self._closed:
                raise ValueError("this FairShare is closed")
            if parts:
                with self._sound():
                    self._enter(job)
            else:
                job.over = now
        return job

    def _enter(self, job: Job) -> None:
        """Let the tasks of a new job wait; the lock is held."""
        self._jobs[job] = None
        stage = job.again() or job.stage
        self.line.moved(self.line.turns.submit(stage, job.submitted))
        self.line.add(stage, ((job, part) for part in range(stage.tasks)))
        self._release()

    def persist(self, rdd: Any, *, estimate: float | None = None, kind: str = "") -> Any:
        """Compute an RDD in turn, keep its partitions with the executors, and return it.

        What comes before a shuffle is one stage that Spark runs at once when the first chunk after it is released. If
        its parent is persisted first, that stage only reads what is there.
        """
        from pyspark import StorageLevel

        rdd.persist(StorageLevel.MEMORY_AND_DISK)
        self.run(rdd, _nothing, estimate=estimate, kind=kind or f"persist {rdd.name() or ''}")
        return rdd

    def collect(self, frame: Any, *, estimate: float | None = None, kind: str = "") -> list[Any]:
        """Return the rows of a DataFrame; what runs before its last shuffle is not shared."""
        return self.run(frame.rdd, list, estimate=estimate, kind=kind)

    def records(self) -> list[JobRecord]:
        """Return the jobs that have ended well, in the order of their ends, since this object was made."""
        with self.lock:
            return list(self._records)

    def close(self) -> None:
        """Cancel what has not ended and wait until Spark has none of it."""
        with self.lock:
            self._closed = True
            left = list(self._jobs)
        for job in left:
            job.cancel()
        self._threads.shutdown()

    def __enter__(self) -> "FairShare":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def end(self, job: Job, error: BaseException) -> None:
        """End a job that is not over with an error: nothing of it is released any more, and what runs is stopped."""
        with self.lock:
            if job.over is not None:
                return
            self._over(job, error)
            running = job.outstanding
            for part in range(job.stage.tasks):
                self.line.discard((job, part))
            self._leave(job)
        if running and self.context._jsc is not None:  # which a context that was stopped has no more
            self.context.cancelJobGroup(str(job.stage.job))

    def _release(self) -> None:
        """Give Spark tasks while it has fewer than it may; the lock is held."""
        now, line = time.monotonic(), self.line
        while len(line):
            job = line.peek()[1][0]
            most = min(job.chunk, job.waiting)
            if self.outstanding + most > self.cores + job.ahead:
                return
            chunk: list[int] = []
            while len(chunk) < most and len(line) and line.peek()[1][0] is job:
                chunk.append(line.pop()[1][1])
                line.moved(line.turns.start(job.stage, now))
            self.outstanding += len(chunk)
            job.outstanding += len(chunk)
            self._threads.submit(self._chunk, job, chunk)

    def _chunk(self, job: Job, chunk: list[int]) -> None:
        """Run partitions of a job in Spark and note what came of it."""
        found: list[tuple[float, list[Any]]] = []
        began = math.inf
        try:
            if job.over is None:
                began = time.monotonic()
                found = job.release(chunk)
        except Exception as error:  # told to whoever waits for the job
            failure = JobFailedError(f"{job} failed in partitions {', '.join(map(str, chunk))}: {said(error)}")
            failure.__cause__ = error
            self.end(job, failure)
        finally:
            with self.lock, self._sound():
                self._back(job, chunk, found, began)
                self._release()

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """End all jobs if a queue fails, as nobody would be served any more; the lock is held."""
        try:
            yield
        except Exception as error:
            self._closed = True
            for job in self._jobs:
                failure = JobFailedError(f"{job} cannot go on, as the queue failed: {type(error).__name__}: {error}")
                failure.__cause__ = error
                self._over(job, failure)
            self._jobs.clear()
            raise

    def _back(self, job: Job, chunk: list[int], found: list[tuple[float, list[Any]]], began: float) -> None:
        """Take a chunk back from Spark; the lock is held. Where nothing was found, it held cores since it began."""
        now, line = time.monotonic(), self.line
        lost = max(0.0, now - began) * min(1.0, self.cores / len(chunk))
        self.outstanding -= len(chunk)
        job.outstanding -= len(chunk)
        for k, part in enumerate(chunk):
            seconds = found[k][0] if found else lost
            line.moved(line.turns.finish(job.stage, seconds, now))
            if found and job.over is None:
                job.learn(part, *found[k])
                self.estimates.learn(job.like, job.claim, seconds)
        if job.over is None and job.finished == job.stage.tasks:
            self._over(job, None)
            self._records.append(job.record(self.begin))
        for other in self._jobs:
            if other.over is None and other.like == job.like and (stage := other.again()) is not None:
                line.moved(line.turns.submit(stage, now))
        self._leave(job)

    def _over(self, job: Job, error: BaseException | None) -> None:
        """Let those who wait for a job know that it is over; the lock is held."""
        job.over, job.error = time.monotonic(), error
        self.lock.notify_all()

    def _leave(self, job: Job) -> None:
        """Forget a job that is over, once Spark has none of it; the lock is held."""
        if job.over is not None and not job.outstanding and job in self._jobs:
            del self._jobs[job]
            self.line.leave(job.stage)
            self.line.moved(self.line.turns.leave(job.stage, time.monotonic()))

    def _run(
        self, rdd: Any, part: Callable[..., Iterator[Any]], name: str, properties: Any, chunk: list[int]
    ) -> list[Any]:
        """Run partitions in a thread of the pool with the local properties of the thread that submitted them."""
        self.context._jsc.sc().setLocalProperties(properties)
        self.context.setJobGroup(name, f"evenly: partitions {chunk[0]} and on", interruptOnCancel=True)
        return list(self.context.runJob(rdd, part, chunk))

    def _warn_of_shuffles(self, rdd: Any) -> None:
        """Say what cannot be shared, unless something before the last shuffle is kept."""
        _, shuffled, before = (rdd.toDebugString() or b"").decode().partition(SHUFFLED)
        if shuffled and KEPT not in before:
            warnings.warn(
                "this RDD is computed from a shuffle: the stages before it run as Spark has them, not in turn; "
                "give their RDD to `persist` first",
                stacklevel=4,
            )


def _nothing(rows: Iterable[Any]) -> Iterator[Any]:
    """Read a partition to its end and return nothing of it."""
    for _ in rows:
        pass
    return iter(())


def _name(function: object) -> str:
    """Return how a function is named where it was written, or the class of an object that is called as one."""
    named = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{named}"
