"""What hosts that share a cluster have in common: records of jobs, what the simulator says of them, and the table."""

import json
from collections import Counter
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


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a real cluster under one queue."""

    queue: str
    records: tuple[JobRecord, ...]
    "In the order of what was asked; `tasks` are the seconds for which they held a slot."
    simulated: tuple[float, ...]
    "Response of each job by the simulator, given these tasks."

    def mean(self, user: str = "", predicted: bool = False) -> float:
        """Return the mean response of a user's jobs, or of all."""
        found = self.simulated if predicted else [one.response for one in self.records]
        return float(np.mean([each for each, one in zip(found, self.records, strict=True) if user in ("", one.user)]))


def keep(folder: Path, runs: Iterable[Measured]) -> None:
    """Write a record of each run, named by its queue and how many of that queue came before it."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    for run in runs:
        write(folder / f"{run.queue}-{seen[run.queue]}.jsonl", run.records)
        seen[run.queue] += 1


def table(runs: Sequence[Measured], users: Sequence[str]) -> list[str]:
    """Return a table: mean response in seconds by queue and user, least and greatest of the rounds, and simulated."""
    titles = ["queue", *(f"{user} user" for user in users), "all", "simulated", "ratio"]
    rows = [titles, ["---"] * len(titles)]
    for name in dict.fromkeys(run.queue for run in runs):
        mine = [run for run in runs if run.queue == name]
        columns = [[run.mean(user) for run in mine] for user in (*users, "")]
        columns.append([run.mean(predicted=True) for run in mine])
        rows.append([name, *map(_spread, columns), f"{np.mean(columns[-1]) / np.mean(columns[-2]):.2f}"])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _spread(values: Sequence[float]) -> str:
    """Return a mean and its extremes."""
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"
