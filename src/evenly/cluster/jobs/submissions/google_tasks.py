"""Jobs of Google's cluster trace."""

import math
from dataclasses import dataclass
from pathlib import Path

from evenly.core import FilePath
from evenly.traces.jobs import google
from evenly.traces.jobs.job import Jobs


@dataclass(frozen=True, slots=True)
class GoogleTasks:
    """Replay a table of task events of 2011, with or without a header, or a folder that also has task usage.

    Reference: C. Reiss, J. Wilkes, J. L. Hellerstein, "Google cluster-usage traces: format + schema", 2011.
    """

    path: FilePath
    "File, plain or gzipped, or folder."
    begin: float = 0.0
    "Seconds from the time stamp 0 where the part begins."
    seconds: float | None = None
    "Length of the part; by default up to the end."
    cores: float = 1.0
    "Cores that a request of 1, the largest machine, counts for."

    def __post_init__(self) -> None:
        if not (0 <= self.begin < math.inf and 0 < self.cores < math.inf):
            raise ValueError(f"begin is at least 0 seconds, cores above 0, not {self.begin} and {self.cores}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds is above 0, not {self.seconds}")

    def draw(self, seed: int) -> Jobs:
        """Return the jobs of the part; the seed changes nothing."""
        return google.read(Path(self.path), self.begin, self.seconds, self.cores)
