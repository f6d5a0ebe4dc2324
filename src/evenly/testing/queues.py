"""The exam of the queues: what a policy that shares a cluster promises, on a small cluster of its own.

>>> from evenly.balance.queues.uwfq import Uwfq
>>> check_queue(Uwfq())
"""

import heapq
import math
import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from evenly.balance.fluid import Fluid, fluid
from evenly.balance.line import Line
from evenly.balance.queues import Queue, Stage, Turns, standing

MEAN = 5.0  # core-seconds of a job
SIGMA = 1.2  # of the logarithm of a job's work


@dataclass(frozen=True, slots=True)
class Job:
    """A job of one stage: when it comes, and the seconds of its tasks."""

    user: str
    arrival: float
    tasks: tuple[float, ...]

    @property
    def work(self) -> float:
        """Core-seconds of all its tasks."""
        return sum(self.tasks)


@dataclass(frozen=True, slots=True)
class Run:
    """When each job ended, and what was started when: time, job and task."""

    finish: tuple[float, ...]
    starts: tuple[tuple[float, int, int], ...]


def workload(
    seed: int, jobs: int = 30, users: int = 4, cores: int = 4, piece: float = math.inf, load: float = 2.0
) -> list[Job]:
    """Return jobs of many sizes that come in bursts; their tasks are cut into pieces of at most so many seconds."""
    chance = random.Random(seed)
    now, found = 0.0, []
    for _ in range(jobs):
        now += chance.expovariate(load * cores / (2 * MEAN)) if chance.random() < 0.5 else 0.0
        work = chance.lognormvariate(math.log(MEAN) - SIGMA**2 / 2, SIGMA)
        parts = max(chance.randint(1, cores), math.ceil(work / piece))
        user = f"u{min(int(chance.expovariate(0.7)), users - 1)}"
        found.append(Job(user, now, (work / parts,) * parts))
    return found


def serve(queue: Queue, jobs: Sequence[Job], cores: int, capacity: tuple[float, ...] = ()) -> Run:
    """Return what a cluster does that gives each free core to the next task of the line."""
    return _Cluster(Line(queue.open(capacity or (float(cores),))), jobs, cores).run()


def ideal(jobs: Sequence[Job], cores: int, weights: Mapping[str, float] | None = None) -> Fluid:
    """Return what the ideal cluster does with the same jobs."""
    names = sorted({job.user for job in jobs})
    user = np.array([names.index(job.user) for job in jobs], np.int64)
    arrival, work = (np.array([getattr(job, name) for job in jobs]) for name in ("arrival", "work"))
    return fluid(user, arrival, work, float(cores), np.array([(weights or {}).get(name, 1.0) for name in names]))


def lateness(queue: Queue, jobs: Sequence[Job], cores: int, weights: Mapping[str, float] | None = None) -> float:
    """Return by how much more than a longest task and a longest job on all cores a job ended after the ideal."""
    ends = np.array(serve(queue, jobs, cores).finish)
    allowed = max(max(job.tasks) for job in jobs) + max(job.work for job in jobs) / cores
    return float((ends - ideal(jobs, cores, weights).finish).max()) - allowed


def check_queue(queue: Queue) -> None:
    """Every task runs once, no core idles while one waits, the line finds the smallest key, and chance repeats."""
    for seed, count, cores in ((0, 0, 1), (1, 1, 2), (2, 40, 3), (3, 100, 4)):
        jobs = workload(seed, count, cores=cores)
        run = serve(queue, jobs, cores)
        assert serve(queue, jobs, cores) == run, f"{queue}: the same jobs are served otherwise"
        ran = sorted((job, task) for _, job, task in run.starts)
        every = [(job, task) for job, found in enumerate(jobs) for task in range(len(found.tasks))]
        assert ran == every, f"{queue}: a task was lost or ran twice"
        renamed = [replace(job, user=f"{9 - int(job.user[1:])}") for job in jobs]
        assert serve(queue, renamed, cores) == run, f"{queue}: users of other names are served otherwise"
        searched = _Cluster(_Searched(queue.open((float(cores),))), jobs, cores).run()
        assert searched == run, f"{queue}: a key fell and nobody was told"
        assert not _idles(jobs, run, cores), f"{queue}: a core idles while a task waits"


def _idles(jobs: Sequence[Job], run: Run, cores: int) -> bool:
    """Tell whether a task started later than its job came although a core was free just before."""
    spans = [(start, start + jobs[job].tasks[task]) for start, job, task in run.starts]
    late = [start for start, job, _ in run.starts if start > jobs[job].arrival]
    return any(sum(begin < start <= end for begin, end in spans) < cores for start in late)


Task = tuple[int, int]


class _Waits(Protocol):
    turns: Turns

    def __len__(self) -> int: ...
    def add(self, stage: Stage, tasks: Iterable[Task]) -> None: ...
    def moved(self, pools: Iterable[Hashable]) -> None: ...
    def pop(self) -> tuple[Stage, Task]: ...
    def leave(self, stage: Stage) -> list[Task]: ...


class _Searched:
    """A line that compares the keys of all pools each time."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.stages: list[tuple[Stage, list[Task]]] = []

    def __len__(self) -> int:
        return sum(len(tasks) for _, tasks in self.stages)

    def add(self, stage: Stage, tasks: Iterable[Task]) -> None:
        self.stages.append((stage, list(tasks)))

    def moved(self, pools: Iterable[Hashable]) -> None:
        pass

    def pop(self) -> tuple[Stage, Task]:
        waiting = [found for found in self.stages if found[1]]
        stage, tasks = min(waiting, key=lambda found: standing(self.turns, self.turns.pool(found[0])))
        return stage, tasks.pop(0)

    def leave(self, stage: Stage) -> list[Task]:
        self.stages = [found for found in self.stages if found[0].id != stage.id]
        return []


class _Cluster:
    def __init__(self, line: _Waits, jobs: Sequence[Job], cores: int) -> None:
        self.line = line
        self.jobs = jobs
        self.free = cores
        self.left = [len(job.tasks) for job in jobs]
        self.finish = [math.nan] * len(jobs)
        self.starts: list[tuple[float, int, int]] = []
        self.ends: list[tuple[float, int, Stage, float]] = []

    def run(self) -> Run:
        """Serve all jobs."""
        coming = sorted(range(len(self.jobs)), key=lambda job: self.jobs[job].arrival)[::-1]
        while coming or self.ends:
            arrival = self.jobs[coming[-1]].arrival if coming else math.inf
            now = min(arrival, self.ends[0][0] if self.ends else math.inf)
            while self.ends and self.ends[0][0] == now:
                self.end(now)
            while coming and self.jobs[coming[-1]].arrival == now:
                self.come(coming.pop(), now)
            while self.free and len(self.line):
                self.start(now)
        return Run(tuple(self.finish), tuple(self.starts))

    def come(self, index: int, now: float) -> None:
        """Let a job come."""
        job = self.jobs[index]
        stage = Stage(index, index, job.user, len(job.tasks), job.work, job.work)
        self.line.moved(self.line.turns.submit(stage, now))
        self.line.add(stage, [(index, task) for task in range(len(job.tasks))])

    def start(self, now: float) -> None:
        """Give a free core to the next task."""
        stage, (job, task) = self.line.pop()
        self.free -= 1
        self.starts.append((now, job, task))
        seconds = self.jobs[job].tasks[task]
        heapq.heappush(self.ends, (now + seconds, len(self.starts), stage, seconds))
        self.line.moved(self.line.turns.start(stage, now))

    def end(self, now: float) -> None:
        """Let a task end, and its job if it was the last."""
        _, _, stage, seconds = heapq.heappop(self.ends)
        self.free += 1
        self.line.moved(self.line.turns.finish(stage, seconds, now))
        job = int(str(stage.job))
        self.left[job] -= 1
        if not self.left[job]:
            self.finish[job] = now
            self.line.leave(stage)
            self.line.moved(self.line.turns.leave(stage, now))
