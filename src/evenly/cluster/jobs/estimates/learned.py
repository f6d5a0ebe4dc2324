"""What jobs of the same kind took."""

import math
from dataclasses import dataclass, field

from evenly.traces.jobs.job import Job


@dataclass(frozen=True, slots=True)
class Learned:
    """Take a stage for as long as the same stage of finished jobs of its kind in the mean, scaled by bytes if known.

    Reference: the historic estimator of the public artefact of arXiv 2510.15485.
    """

    default: float = 10.0
    "Core-seconds of each stage of a job whose kind has not ended yet."

    def __post_init__(self) -> None:
        if not 0 < self.default < math.inf:
            raise ValueError(f"default is a positive number of core-seconds, not {self.default}")

    def open(self, seed: int) -> "_History":
        """Return an empty history."""
        return _History(self.default)


@dataclass(slots=True)
class _History:
    """Sums of work and bytes by kind and stage."""

    default: float
    seen: dict[tuple[str, int], tuple[int, float, float]] = field(default_factory=dict)

    def guess(self, number: int, job: Job) -> tuple[float, ...]:
        """Return the mean of each stage, by byte where bytes are known."""
        return tuple(self._stage((job.kind, k), part.size) for k, part in enumerate(job.parts))

    def learn(self, job: Job) -> None:
        """Add a job to the means of its kind."""
        for k, part in enumerate(job.parts):
            count, work, size = self.seen.get((job.kind, k), (0, 0.0, 0.0))
            self.seen[job.kind, k] = count + 1, work + part.work, size + part.size

    def _stage(self, of: tuple[str, int], size: float) -> float:
        count, work, read = self.seen.get(of, (0, 0.0, 0.0))
        if count == 0:
            return self.default
        return work * size / read if size > 0 < read else work / count
