"""A job: stages of work that a user submits to a shared cluster."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Part:
    """A stage before it is cut into tasks."""

    work: float
    "Core-seconds that its tasks take together."
    after: tuple[int, ...] = ()
    "Places in the job of the stages that must end before it can begin."
    seconds: tuple[float, ...] = ()
    "Seconds of each task, where they were recorded; empty: the split says how many tasks there are."
    size: float = 0.0
    "Bytes that it reads; 0 where nobody knows."
    demand: tuple[float, ...] = (1.0,)
    "What one task holds of each resource, cores first."

    def __post_init__(self) -> None:
        if not (0 <= self.work < math.inf and 0 <= self.size < math.inf):
            raise ValueError(f"a stage has work and bytes of at least 0, not {self.work} and {self.size}")
        if self.seconds and not math.isclose(sum(self.seconds), self.work, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(f"the tasks of a stage take its {self.work:g} core-seconds, not {sum(self.seconds):g}")
        if not self.demand or self.demand[0] <= 0 or min(self.demand) < 0:
            raise ValueError(f"a task holds some cores and nothing negative, not {self.demand}")


@dataclass(frozen=True, slots=True)
class Job:
    """Stages that a user submits at once."""

    user: str
    submit: float
    "Seconds from the start; for a job that follows another one, from the end of that."
    parts: tuple[Part, ...]
    kind: str = ""
    "What it does; jobs of one kind take alike long for a byte."
    follows: int = -1
    "Place of the job after whose end it is submitted, as by a user who waits for the answer; -1 for none."

    @property
    def work(self) -> float:
        """Core-seconds of all stages."""
        return sum(part.work for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Jobs:
    """Jobs in the order of a table, and where they come from.

    >>> Jobs((Job("ann", 0.0, (Part(8.0), Part(2.0, after=(0,)))),), "two stages").work
    array([10.])
    """

    jobs: tuple[Job, ...]
    origin: str

    def __post_init__(self) -> None:
        for place, job in enumerate(self.jobs):
            if not 0 <= job.submit < math.inf:
                raise ValueError(f"job {place} is submitted at {job.submit}; times are finite and at least 0")
            if not -1 <= job.follows < place:
                raise ValueError(f"job {place} follows job {job.follows}; it can follow an earlier one only")
            if not job.parts:
                raise ValueError(f"job {place} has no stage")
            if any(not 0 <= parent < k for k, part in enumerate(job.parts) for parent in part.after):
                raise ValueError(f"a stage of job {place} waits for itself or for a later one; put parents first")

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self.jobs)

    @property
    def work(self) -> Floats:
        """Core-seconds of each job."""
        return np.array([job.work for job in self.jobs], np.float64)
