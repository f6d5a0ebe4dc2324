"""The truth."""

from dataclasses import dataclass

from evenly.traces.jobs.job import Job


@dataclass(frozen=True, slots=True)
class Oracle:
    """Know what every stage will take, as in all published runs of UWFQ."""

    def open(self, seed: int) -> "Oracle":
        """Return the object itself: it learns nothing."""
        return self

    def guess(self, number: int, job: Job) -> tuple[float, ...]:
        """Return the work of each stage."""
        return tuple(part.work for part in job.parts)

    def learn(self, job: Job) -> None:
        """Learn nothing."""
