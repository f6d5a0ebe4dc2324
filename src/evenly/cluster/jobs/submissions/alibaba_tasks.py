"""Jobs of Alibaba's cluster trace."""

import math
from dataclasses import dataclass
from pathlib import Path

from evenly.core import FilePath
from evenly.traces.jobs import alibaba
from evenly.traces.jobs.job import Jobs


@dataclass(frozen=True, slots=True)
class AlibabaTasks:
    """Replay a table `batch_task` of 2018, whose jobs are graphs of stages.

    It names no users: jobs whose first stage is of one type stand for a user.

    Reference: the trace program of Alibaba, `cluster-trace-v2018`.
    """

    path: FilePath
    "File, plain or gzipped, with or without a header."
    begin: float = 0.0
    "Seconds from the begin of the trace where the part begins."
    seconds: float | None = None
    "Length of the part; by default up to the end."

    def __post_init__(self) -> None:
        if not 0 <= self.begin < math.inf:
            raise ValueError(f"begin is at least 0 seconds, not {self.begin}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds is above 0, not {self.seconds}")

    def draw(self, seed: int) -> Jobs:
        """Return the jobs of the part; the seed changes nothing."""
        return alibaba.read(Path(self.path), self.begin, self.seconds)
