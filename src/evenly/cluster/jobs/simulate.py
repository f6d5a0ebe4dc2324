"""Run jobs on a cluster, event by event: a free slot takes the task whose turn it is, and nothing is interrupted."""

import heapq
import math
from dataclasses import dataclass, field

import numpy as np

from evenly.balance.line import Line
from evenly.balance.queues import Queue, Stage, Turns
from evenly.cluster.jobs.cluster import Cluster, Room, Slots
from evenly.cluster.jobs.cut import cut
from evenly.cluster.jobs.estimates import Estimate, Guesses
from evenly.cluster.jobs.splits import Split
from evenly.core import Array, Floats, Ints
from evenly.core.scenario import Progress, silent
from evenly.traces.jobs.job import Job, Jobs

END, LOSS, BACK, SUBMIT = range(4)  # in this order where they come at once
SALT = 58  # of the skew of data


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """Who held a slot from when to when, a row a time that a task ran."""

    job: Ints
    executor: Ints
    start: Floats
    end: Floats

    @property
    def seconds(self) -> Floats:
        """How long each held its slot."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What happened: a row a task that ended, in the order of their ends, and a row a job."""

    job: Ints
    stage: Ints
    "Place in the job of each task's stage."
    executor: Ints
    start: Floats
    end: Floats
    seconds: Floats
    "What each task took besides the overhead of tasks."
    submit: Floats
    "When each job was submitted, seconds from the start."
    finish: Floats
    estimated: Floats
    "Core-seconds that each job was thought to take when it was submitted."
    lost: Attempts
    "The times that tasks ran and were lost with their executor."

    @property
    def columns(self) -> tuple[Array, ...]:
        """All arrays of the run."""
        lost = self.lost
        tasks = (self.job, self.stage, self.executor, self.start, self.end, self.seconds)
        jobs = (self.submit, self.finish, self.estimated)
        return (*tasks, *jobs, lost.job, lost.executor, lost.start, lost.end)

    @property
    def attempts(self) -> Attempts:
        """All times that tasks ran, those that ended first."""
        pairs = ((getattr(self, name), getattr(self.lost, name)) for name in ("job", "executor", "start", "end"))
        return Attempts(*(np.concatenate(pair) for pair in pairs))

    @property
    def held(self) -> Floats:
        """Core-seconds that tasks of each job held a slot, also when they were lost."""
        tried = self.attempts
        return np.asarray(np.bincount(tried.job, tried.seconds, len(self.finish)))

    @property
    def wasted(self) -> float:
        """Seconds of tasks that were lost with their executor."""
        return float(self.lost.seconds.sum())

    @property
    def response(self) -> Floats:
        """Seconds from the submission of each job to its end."""
        return self.finish - self.submit

    @property
    def work(self) -> Floats:
        """Core-seconds that tasks of each job took when they ended, their overhead included."""
        return np.asarray(np.bincount(self.job, self.end - self.start, len(self.finish)))

    @property
    def makespan(self) -> float:
        """Seconds until the last job ended."""
        return float(self.finish.max(initial=0.0))


def simulate(
    jobs: Jobs,
    cluster: Cluster,
    queue: Queue,
    split: Split,
    estimate: Estimate,
    seed: int = 0,
    progress: Progress = silent,
) -> Run:
    """Run jobs to their end.

    Raises `ValueError` for a task that fits on no executor. A task whose demand does not fit now holds its turn until
    it does, as in dominant resource fairness: none behind it overtakes it.
    """
    cluster.check()
    whole = (float(cluster.cores), *cluster.resources)
    for place, job in enumerate(jobs.jobs):
        for part in job.parts:
            demand = part.demand
            if len(demand) > len(whole) or any(asked > has for asked, has in zip(demand, whole, strict=False)):
                raise ValueError(f"a task of job {place} holds {demand}, more than an executor has: {whole}")
            if len(whole) == 1 and demand != (1.0,):
                raise ValueError(f"a task of job {place} holds {demand[0]} cores; say resources, even if [1]")
    room = cluster.room()
    loop = _Loop(jobs.jobs, cluster, room, split, estimate.open(seed), queue.open(cluster.capacity), seed)
    return loop.run(progress)


@dataclass(slots=True, eq=False)
class _Stage:
    """A stage that has been submitted and has not ended."""

    told: Stage
    job: int
    place: int
    left: int
    "Tasks that have not ended."


@dataclass(slots=True, eq=False)
class _Task:
    """A task that waits or runs."""

    of: _Stage
    seconds: float
    start: float = 0.0
    slot: int = -1
    lost: bool = False


@dataclass(slots=True, eq=False)
class _Job:
    """A job that has been submitted and has not ended."""

    guess: tuple[float, ...]
    waits: list[int]
    "Of each stage, how many others it still waits for."
    left: int
    "Stages that have not ended."


@dataclass(slots=True, eq=False)
class _Loop:
    """The state of a run."""

    jobs: tuple[Job, ...]
    cluster: Cluster
    room: Slots | Room
    split: Split
    guesses: Guesses
    turns: Turns
    seed: int
    line: Line[_Task] = field(init=False)
    events: list[tuple[float, int, int, _Task | int]] = field(default_factory=list)
    pushed: int = 0
    live: dict[int, _Job] = field(default_factory=dict)
    after: dict[int, list[int]] = field(default_factory=dict)
    submit: dict[int, float] = field(default_factory=dict)
    finish: dict[int, float] = field(default_factory=dict)
    estimated: dict[int, float] = field(default_factory=dict)
    done: list[tuple[int, int, int, float, float, float]] = field(default_factory=list)
    lost: list[tuple[int, int, float, float]] = field(default_factory=list)

    def run(self, progress: Progress) -> Run:
        """Handle all that comes at one moment, then give out the slots that are free; until nothing is left to come."""
        self.open()
        events = self.events
        while events:
            now, before = events[0][0], len(self.finish)
            while events and events[0][0] == now:
                _, kind, _, what = heapq.heappop(events)
                if isinstance(what, _Task):
                    self.ends(what, now)
                elif kind == SUBMIT:
                    self.submits(what, now)
                elif kind == LOSS:
                    self.loses(what, now)
                else:
                    self.room.regain(what)
            self.offer(now)
            if len(self.finish) > before:
                progress(len(self.finish), len(self.jobs))
        assert len(self.finish) == len(self.jobs)
        return self.told()

    def open(self) -> None:
        """Put the first events in place."""
        self.line = Line(self.turns)
        for place, job in enumerate(self.jobs):
            if job.follows < 0:
                self.push(job.submit, SUBMIT, place)
            else:
                self.after.setdefault(job.follows, []).append(place)
        for loss in self.cluster.lost:
            self.push(loss.at, LOSS, loss.executor)
            if loss.back < math.inf:
                self.push(loss.back, BACK, loss.executor)

    def push(self, time: float, kind: int, what: _Task | int) -> None:
        """Let something come at a time; what comes at once comes in the order in which it was pushed."""
        heapq.heappush(self.events, (time, kind, self.pushed, what))
        self.pushed += 1

    def offer(self, now: float) -> None:
        """Start tasks while the next one fits."""
        line, turns, room, overhead = self.line, self.turns, self.room, self.cluster.overhead
        while line and not room.full:
            stage, task = line.peek()
            demand = stage.demand
            if not room.fits(demand):
                return
            line.discard(task)
            line.moved(turns.start(stage, now))
            task.start, task.slot = now, room.take(demand)
            self.push(now + task.seconds + overhead, END, task)

    def submits(self, place: int, now: float) -> None:
        """Submit a job: its stages that wait for no other."""
        job = self.jobs[place]
        guess = self.guesses.guess(place, job)
        self.submit[place], self.estimated[place] = now, sum(guess)
        self.live[place] = _Job(guess, [len(part.after) for part in job.parts], len(job.parts))
        for k, part in enumerate(job.parts):
            if not part.after:
                self.begins(place, k, now)

    def begins(self, place: int, k: int, now: float) -> None:
        """Submit a stage."""
        job, guess = self.jobs[place], self.live[place].guess
        part, salt = job.parts[k], (self.seed, SALT, place, k)
        seconds = cut(part, guess[k], self.split, self.cluster.slots, self.cluster.skew, salt)
        demand = part.demand + (0.0,) * (1 + len(self.cluster.resources) - len(part.demand))  # of what is not told
        stage = Stage((place, k), place, job.user, len(seconds), guess[k], sum(guess), demand)
        of = _Stage(stage, place, k, len(seconds))
        self.line.moved(self.turns.submit(stage, now))
        self.line.add(stage, [_Task(of, each) for each in seconds])

    def ends(self, task: _Task, now: float) -> None:
        """End a task, with the last one its stage, and with the last stage the job."""
        if task.lost:
            return
        of = task.of
        self.room.give(task.slot, of.told.demand)
        self.line.moved(self.turns.finish(of.told, now - task.start, now))
        self.done.append((of.job, of.place, self.room.executor(task.slot), task.start, now, task.seconds))
        of.left -= 1
        if of.left:
            return
        job = self.live[of.job]
        job.left -= 1
        for k, part in enumerate(self.jobs[of.job].parts):
            if of.place in part.after:
                job.waits[k] -= 1
                if job.waits[k] == 0:
                    self.begins(of.job, k, now)  # before its parent leaves, so that its job is never without a stage
        self.line.leave(of.told)
        self.line.moved(self.turns.leave(of.told, now))
        if job.left == 0:
            self.complete(of.job, now)

    def complete(self, place: int, now: float) -> None:
        """End a job; those that wait for it are submitted after a while."""
        del self.live[place]
        self.finish[place] = now
        self.guesses.learn(self.jobs[place])
        for follower in self.after.pop(place, ()):
            self.push(now + self.jobs[follower].submit, SUBMIT, follower)

    def loses(self, executor: int, now: float) -> None:
        """Lose an executor: its tasks, which held slots until now, wait again, each in the place of its stage."""
        self.room.lose(executor)
        running = [task for *_, task in sorted(self.events, key=lambda event: event[2]) if isinstance(task, _Task)]
        for task in running:
            if not task.lost and self.room.executor(task.slot) == executor:
                task.lost = True
                self.lost.append((task.of.job, executor, task.start, now))
                self.line.moved(self.turns.finish(task.of.told, now - task.start, now))
                self.line.add(task.of.told, [_Task(task.of, task.seconds)])

    def told(self) -> Run:
        """Return what happened as columns."""
        places = range(len(self.jobs))
        job, stage, executor, start, end, seconds = zip(*self.done, strict=True) if self.done else ((),) * 6
        return Run(
            np.array(job, np.int64),
            np.array(stage, np.int64),
            np.array(executor, np.int64),
            np.array(start, np.float64),
            np.array(end, np.float64),
            np.array(seconds, np.float64),
            np.array([self.submit[place] for place in places], np.float64),
            np.array([self.finish[place] for place in places], np.float64),
            np.array([self.estimated[place] for place in places], np.float64),
            _attempts(self.lost),
        )


def _attempts(rows: list[tuple[int, int, float, float]]) -> Attempts:
    job, executor, start, end = zip(*rows, strict=True) if rows else ((),) * 4
    whole = (np.array(job, np.int64), np.array(executor, np.int64))
    return Attempts(*whole, np.array(start, np.float64), np.array(end, np.float64))
