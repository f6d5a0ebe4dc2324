"""What hosts that share a cluster have in common: records of jobs, and what the simulator says of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evenly.balance.queues import Queue
from evenly.cluster.jobs.cluster import Cluster
from evenly.cluster.jobs.simulate import simulate
from evenly.cluster.jobs.splits.spark import Spark
from evenly.core import Floats
from evenly.traces.jobs.job import Job, Jobs, Part


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What happened to one job of one stage; times in seconds from one moment for all."""

    job: str
    user: str
    kind: str
    submit: float
    finish: float
    tasks: tuple[float, ...]
    "Seconds of each of its tasks."

    @property
    def response(self) -> float:
        """Return the seconds from its submission to its end."""
        return self.finish - self.submit


def write(path: Path, records: Iterable[JobRecord]) -> None:
    """Write lines of JSON that `evenly.traces.jobs.recorded` reads, one a job; an earlier file is replaced at once."""
    beside = path.with_name(path.name + ".part")
    beside.write_text("".join(json.dumps(asdict(one)) + "\n" for one in records), encoding="utf-8")
    beside.replace(path)


@dataclass(frozen=True, slots=True)
class Means:
    """Take a job for as long as those of its kind are in the mean, which is what a host knows of it."""

    work: Mapping[str, float]

    def open(self, seed: int) -> "Means":
        """Return the object itself: it learns nothing."""
        return self

    def guess(self, number: int, job: Job) -> tuple[float, ...]:
        """Return the work of its one stage."""
        return (self.work[job.kind],)

    def learn(self, job: Job) -> None:
        """Learn nothing."""


def simulated(records: Sequence[JobRecord], queue: Queue, cores: int) -> Floats:
    """Return the response of each job if the simulator shares `cores` between the recorded tasks.

    A queue that asks for estimates gets the mean of the recorded jobs of the same kind.
    """
    order = sorted(range(len(records)), key=lambda k: records[k].submit)
    begin = min((one.submit for one in records), default=0.0)
    jobs = [
        Job(one.user, one.submit - begin, (Part(sum(one.tasks), seconds=one.tasks),), one.kind)
        for one in (records[k] for k in order)
    ]
    means = {
        kind: float(np.mean([job.work for job in jobs if job.kind == kind])) for kind in {job.kind for job in jobs}
    }
    run = simulate(Jobs(tuple(jobs), "recorded"), Cluster(1, cores), queue, Spark(), Means(means))
    found = run.response.copy()
    found[order] = run.response
    return found
