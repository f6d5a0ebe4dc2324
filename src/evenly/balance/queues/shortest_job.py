"""Shortest job first."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import count

from evenly.balance.queues import Stage, Turns


@dataclass(frozen=True, slots=True)
class ShortestJob:
    """Serve the job of least work, whoever it belongs to.

    The mean response is the smallest that an order without interruptions can be expected to reach, and long jobs wait
    for ever where short ones keep coming: a bound to compare with. It needs an estimate of each job's work.
    """

    def open(self, capacity: tuple[float, ...]) -> "_Works":
        """Return the works of jobs."""
        return _Works()


@dataclass(slots=True)
class _Job:
    place: int
    work: float = 0.0
    stages: set[Hashable] = field(default_factory=set)


class _Works(Turns):
    """Jobs by their work, of equal ones the first."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, _Job] = {}
        self._places = count()

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Note the work of a job."""
        job = self._jobs.get(stage.job)
        if job is None:
            job = self._jobs[stage.job] = _Job(next(self._places))
        job.work = max(stage.work, stage.job_work)
        job.stages.add(stage.id)
        return (stage.job,)

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Forget a job without stages."""
        self._jobs[stage.job].stages.discard(stage.id)
        if not self._jobs[stage.job].stages:
            del self._jobs[stage.job]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return the work of a job and its place."""
        job = self._jobs[pool]
        return (job.work, float(job.place))
