"""First come, first served, by job."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from evenly.balance.queues import Stage


@dataclass(frozen=True, slots=True)
class FirstCome:
    """Serve jobs by their submission, whoever they belong to; all stages of a job have its place.

    Spark's own FIFO orders by its internal job, of which adaptive execution makes one for each stage of a query; here
    a late stage of an early query goes before the first of a later one.
    """

    def open(self, capacity: tuple[float, ...]) -> "Arrivals":
        """Return the places of jobs."""
        return Arrivals()


@dataclass(slots=True)
class Arrivals:
    """Places of jobs in the order in which they were first seen."""

    places: dict[Hashable, int] = field(default_factory=dict)

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Give a new job the next place."""
        if stage.job in self.places:
            return ()
        self.places[stage.job] = len(self.places)
        return (stage.job,)

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Change nothing."""
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Change nothing."""
        return ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Change nothing: a later stage of the job keeps its place."""
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return the place of a job."""
        return (self.places[pool],)
