"""Jobs that were recorded."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from evenly.core import FilePath
from evenly.traces.jobs import recorded
from evenly.traces.jobs.job import Jobs


@dataclass(frozen=True, slots=True)
class Recorded:
    """Replay jobs from a CSV, JSON-lines or parquet file, such as hosts record.

    A row has `job`, `user`, `submit` and `tasks` (seconds of each) or `work` (core-seconds); the documentation of
    `evenly.traces.jobs.recorded.read` tells all columns.
    """

    path: FilePath
    "File, plain or gzipped."
    speed: float = 1.0
    "2 submits twice as fast: every gap between submissions is halved."

    def __post_init__(self) -> None:
        if not 0 < self.speed < math.inf:
            raise ValueError(f"speed is a positive factor, not {self.speed}")

    def draw(self, seed: int) -> Jobs:
        """Return the jobs of the file; the seed changes nothing."""
        found = recorded.read(Path(self.path))
        jobs = tuple(replace(job, submit=job.submit / self.speed) for job in found.jobs)
        return Jobs(jobs, found.origin)
