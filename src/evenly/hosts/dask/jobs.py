"""Jobs of a Dask cluster, and the core-seconds that they are estimated to take."""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evenly.balance.queues import Stage

OWN = 3  # entries of Dask's own priority: what the user asks for, the graph, the place in it
GROWTH = 1.25  # a job is estimated anew when so many times more of its tasks have ended than before
CLOSE = 1.1  # unless its estimate changes by less than this factor: to tell each change costs the scheduler a hundredth
DRIFT = 1.5  # and where none has, when the scheduler's mean for its tasks has moved by this factor


def own_order(ts: Any) -> Any:
    """Return Dask's own priority of a task, which orders the tasks of one job."""
    return ts.priority[-OWN:]


def claimed(estimate: object) -> bool:
    """Tell whether an annotation is an estimate that can be counted with: seconds above 0."""
    return isinstance(estimate, int | float) and 0 < estimate < math.inf


@dataclass(slots=True, eq=False)
class Kind:
    """Tasks of all jobs that have one name; parts of jobs of which none has ended follow the scheduler's mean for it.

    To estimate these anew costs as much as they are many, so it happens at most when as many tasks have ended.
    """

    prefix: Any
    unknown: float
    "Seconds that a task is estimated to take where the scheduler has seen none."
    unmeasured: dict["Part", None] = field(default_factory=dict)
    ended: int = 0
    beside: float = 0.0
    "Seconds for which a task has a thread besides those for which it computes, in the mean: messages, data, unpacking."

    def mean(self) -> float:
        """Return for how long a task has a thread, by the scheduler's mean of how long it computes."""
        mean = float(self.prefix.duration_average)
        return (mean if mean >= 0 else self.unknown) + self.beside

    def drifted(self) -> Iterator["Job"]:
        """Yield the jobs whose estimates follow the mean and have changed with it."""
        self.ended = 0
        now = self.mean()
        for part in list(self.unmeasured):
            if not part.claim / DRIFT < now < part.claim * DRIFT:
                part.follow(now)
                yield part.job


@dataclass(slots=True, eq=False)
class Part:
    """Tasks of one job and one kind; all numbers are core-seconds.

    What tasks were measured to take, over what they had been estimated to take, corrects the estimate of the rest: a
    wrong claim holds until the first of them has ended.
    """

    job: "Job"
    kind: Kind
    claimed: bool
    "Whether the user gave an estimate of each."
    claim: float
    "Of one task, until one has ended, where the user gave none."
    left: float = 0.0
    done: float = 0.0
    "What those that have ended had been estimated to take."
    measured: float = 0.0

    @property
    def work(self) -> float:
        """Return what all of them take."""
        pace = self.measured / self.done if self.done > 0 else 1.0
        return self.measured + max(self.left, 0.0) * pace

    def follow(self, claim: float) -> None:
        """Estimate tasks of which none has ended anew."""
        if self.claim > 0 < claim:
            self.left *= claim / self.claim
            self.claim = claim


@dataclass(slots=True, eq=False)
class Job:
    """What a user submitted as one graph, or under one name; for a queue it is one stage."""

    user: str
    name: Hashable
    serial: int
    parts: dict[tuple[Kind, bool], Part] = field(default_factory=dict)
    tasks: int = 0
    left: int = 0
    "Tasks that are to run, once more or yet."
    open: int = 0
    "Tasks that wait or run."
    known: bool = False
    "Whether the queue knows of it: from the first task that waits or runs until none is left."
    dropped: bool = False
    "Whether some of its tasks are forgotten without having run."
    ended: int = 0
    next: int = 1
    "When so many tasks have ended, the job is estimated anew."
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        self.estimate()

    def estimate(self) -> Stage:
        """Estimate the job anew."""
        work = sum(part.work for part in self.parts.values())
        self.stage = Stage(self.serial, (self.user, self.name), self.user, self.tasks, work, work)
        return self.stage

    def changed(self) -> bool:
        """Tell whether the job is estimated to take another time than the queue knows of."""
        work, known = sum(part.work for part in self.parts.values()), self.stage.job_work
        return not known / CLOSE <= work <= known * CLOSE

    def part(self, kind: Kind, claimed: bool) -> Part:
        """Return the part of tasks of a kind."""
        found = self.parts.get((kind, claimed))
        if found is None:
            found = self.parts[kind, claimed] = Part(self, kind, claimed, max(kind.mean(), 1e-6))
        return found

    def begin(self) -> None:
        """Follow the scheduler's means for what has not been measured."""
        for part in self.parts.values():
            if not part.claimed and part.done == 0:
                part.follow(part.kind.mean())
                part.kind.unmeasured[part] = None

    def end(self) -> None:
        """Follow them no more."""
        for part in self.parts.values():
            part.kind.unmeasured.pop(part, None)
