"""First come, first served, by job."""

from collections.abc import Hashable
from dataclasses import dataclass

from evenly.balance.queues import Stage, Turns


@dataclass(frozen=True, slots=True)
class FirstCome:
    """Serve jobs by their submission, whoever they belong to; all stages of a job have its place.

    Spark's own FIFO orders by its internal job, of which adaptive execution makes one for each stage of a query; here
    a late stage of an early query goes before the first of a later one.
    """

    def open(self, capacity: tuple[float, ...]) -> "_OnePool":
        """Return one pool for all."""
        return _OnePool()


class _OnePool(Turns):
    """All wait in one pool, in which jobs go by their submission."""

    def pool(self, stage: Stage) -> Hashable:
        """Return the pool of all."""
        return None

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return the same for ever."""
        return (0.0,)
