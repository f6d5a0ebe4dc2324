"""Jobs of a Dask cluster, and the core-seconds that they are estimated to take."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from evenly.balance.queues import Stage

OWN = 3  # entries of Dask's own priority: what the user asks for, the graph, the place in it
GROWTH = 1.25  # a job is estimated anew when so many times more of its tasks have ended than before


def own_order(ts: Any) -> Any:
    """Return Dask's own priority of a task, which orders the tasks of one job."""
    return ts.priority[-OWN:]


@dataclass(slots=True)
class Part:
    """Tasks of one job that share a name, and so an estimate; all numbers are core-seconds.

    What tasks were measured to take, over what they had been estimated to take, corrects the estimate of the rest: a
    wrong claim holds until the first of them has ended.
    """

    claim: float
    "Of one task, until one has ended."
    left: float = 0.0
    done: float = 0.0
    "What those that have ended had been estimated to take."
    measured: float = 0.0

    @property
    def work(self) -> float:
        """Return what all of them take.

        >>> Part(0.5, left=4.0, done=1.0, measured=0.2).work
        1.0
        """
        pace = self.measured / self.done if self.done > 0 else 1.0
        return self.measured + max(self.left, 0.0) * pace


@dataclass(slots=True, eq=False)
class Job:
    """What a user submitted as one graph, or under one name; for a queue it is one stage."""

    user: str
    name: Hashable
    serial: int
    parts: dict[tuple[str, bool], Part] = field(default_factory=dict)
    "By the name of tasks, and whether the user gave their estimates."
    tasks: int = 0
    open: int = 0
    "Tasks that wait or run; a job with none is not known to the queue."
    ended: int = 0
    next: float = 1.0
    "When so many tasks have ended, the job is estimated anew."
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        self.estimate()

    def estimate(self) -> Stage:
        """Estimate the job anew."""
        work = sum(part.work for part in self.parts.values())
        self.stage = Stage(self.serial, (self.user, self.name), self.user, self.tasks, work, work)
        return self.stage

    def share(self, ts: Any, unknown: float) -> tuple[Part, float]:
        """Return the part of a task, and what it is estimated to take.

        Where neither its user nor the scheduler knows, that is `unknown` seconds.
        """
        estimate = (ts.annotations or {}).get("estimate")
        claim = estimate if claimed(estimate) else None
        place = (ts.prefix.name, claim is not None)
        part = self.parts.get(place)
        if part is None:
            part = self.parts[place] = Part(mean(ts.prefix, unknown))
        return part, part.claim if claim is None else float(claim)


def claimed(estimate: object) -> bool:
    """Tell whether an annotation is an estimate that can be counted with: seconds above 0."""
    return isinstance(estimate, int | float) and 0 < estimate < math.inf


def mean(prefix: Any, unknown: float) -> float:
    """Return the scheduler's mean of the seconds of tasks of a name."""
    return float(prefix.duration_average) if prefix.duration_average >= 0 else unknown
