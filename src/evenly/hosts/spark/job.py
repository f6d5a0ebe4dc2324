"""A job that waits for its turns: its tasks, what they are expected to take, and what they returned."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from evenly.balance.queues import Stage
from evenly.hosts.shared_jobs import JobRecord

OVERHEAD = 0.02  # seconds that a task of PySpark costs besides its work, some 10 to 30 ms
DIFFERS = 2.0  # times that the tasks of a job take what is usual for its kind, before it is a case of its own
HARDLY = 0.05  # part by which an estimate may be off before the queue is told
AHEAD = 0.1  # seconds of work that wait in Spark, so that no core idles until the driver knows that one is free

if TYPE_CHECKING:
    from evenly.hosts.spark.fair_share import FairShare


class JobFailedError(RuntimeError):
    """A task of a job has failed as often as Spark tries it; `__cause__` is what Spark said."""


@dataclass(slots=True, eq=False)
class Job:
    """A job that was submitted; what changes is guarded by the lock of its `FairShare`."""

    shared: "FairShare"
    stage: Stage
    kind: str
    "Jobs of one kind are expected to have tasks alike."
    claim: float
    "Seconds that one of its tasks is said to take, above 0."
    given: bool
    "Whether its user said so."
    submitted: float
    release: Callable[[list[int]], list[Any]]
    "Runs some partitions in Spark, as the thread that submitted would."
    found: list[list[Any] | None] = field(init=False)
    seconds: list[float] = field(init=False)
    "Of each partition that has finished, as measured in its task; NaN for others."
    finished: int = 0
    took: float = 0.0
    "Seconds of all tasks that have finished."
    outstanding: int = 0
    "Its tasks that Spark has and has not answered."
    over: float | None = None
    "When it ended, well or not."
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.found = [None] * self.stage.tasks
        self.seconds = [float("nan")] * self.stage.tasks

    @property
    def like(self) -> tuple[str, str]:
        """Return what jobs share that are corrected together: a user's claims correct nobody else's."""
        return self.kind, self.stage.user if self.given else ""

    @property
    def each(self) -> float:
        """Return the seconds that its next task is expected to take: as its kind shows, or if they differ, its own.

        Less than twice is chance, for which equal jobs would overtake each other with each task that ends.
        """
        kind = self.claim * self.shared.estimates.pace(self.like)
        own = (kind + self.took) / (1 + self.finished)
        return kind if kind / DIFFERS <= own <= kind * DIFFERS else own

    @property
    def ahead(self) -> int:
        """Return how many tasks may wait in Spark when one of this job's is released."""
        return max(1, int(self.shared.cores * AHEAD / (self.each + OVERHEAD)))

    @property
    def chunk(self) -> int:
        """Return how many of its tasks are released together: few of a job that is not known yet.

        No more than may wait in Spark, so that no core idles until there is room for all of them, and at most half of
        what Spark may have, so that the other half is there when these come back.
        """
        whole = int(self.shared.atr / (self.each + OVERHEAD))
        return max(1, min(1 + self.finished, whole, self.ahead, (self.shared.cores + self.ahead) // 2))

    @property
    def waiting(self) -> int:
        """Return how many of its tasks have not been released."""
        return self.stage.tasks - self.finished - self.outstanding

    def learn(self, partition: int, seconds: float, found: list[Any]) -> None:
        """Note what a task has returned and how long it took."""
        self.found[partition], self.seconds[partition] = found, seconds
        self.finished += 1
        self.took += seconds

    def again(self) -> Stage | None:
        """Return its stage with the work that is expected as of now, or `None` if that has hardly changed."""
        work = self.stage.tasks * self.each
        if abs(work - self.stage.work) <= HARDLY * self.stage.work:
            return None
        self.stage = replace(self.stage, work=work, job_work=work)
        return self.stage

    def record(self, begin: float) -> JobRecord:
        """Return what happened to a job that has ended well."""
        finish = (self.over or self.submitted) - begin
        tasks = tuple(self.seconds)
        return JobRecord(str(self.stage.job), self.stage.user, self.kind, self.submitted - begin, finish, tasks)

    def result(self, timeout: float | None = None) -> list[Any]:
        """Wait for the job and return the elements of all its partitions, in their order.

        Raises `JobFailedError` if a task failed for good or the job was cancelled, and `TimeoutError` after `timeout`
        seconds, when the job goes on until it is cancelled.
        """
        with self.shared.lock:
            if not self.shared.lock.wait_for(lambda: self.over is not None, timeout):
                raise TimeoutError(f"{self} has {self.finished} of {self.stage.tasks} tasks after {timeout:g} s")
            if self.error is not None:
                raise self.error
            return [element for part in self.found if part is not None for element in part]

    def cancel(self) -> None:
        """Give a job up: its tasks leave the line, and those that run are told to stop. One that is over stays so."""
        self.shared.end(self, JobFailedError(f"{self} was cancelled"))

    def __str__(self) -> str:
        return f"job '{self.stage.job}' of user '{self.stage.user}'"


def timed(function: Callable[[Iterable[Any]], Iterable[Any]]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return a function of a partition that also tells the seconds it took.

    It names nothing of this package, which workers need not have.
    """

    def part(rows: Iterable[Any]) -> Iterator[Any]:
        begin = time.perf_counter()
        found = list(function(rows))
        yield time.perf_counter() - begin, found

    return part


def said(error: BaseException) -> str:
    """Return the line that tells what went wrong in a task, out of all that Spark says."""
    raised = re.findall(r"^(\w[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*)$", _python(str(error)), re.MULTILINE)
    return str(raised[-1]) if raised else str(error).strip().partition("\n")[0]


def _python(text: str) -> str:
    """Return the part of Spark's message that Python wrote, or all of it."""
    _, found, rest = text.partition("Traceback (most recent call last):")
    return rest.partition("\n\tat ")[0] if found else text
