"""Runs that a process remembers: variants of a scenario are judged by one reference, and one of them may be it."""

from dataclasses import dataclass

from evenly.balance.queues import Queue
from evenly.cluster.jobs.cluster import Cluster
from evenly.cluster.jobs.estimates import Estimate
from evenly.cluster.jobs.simulate import Run
from evenly.cluster.jobs.splits import Split
from evenly.traces.jobs.job import Job

MOST = 2_000_000  # tasks of all runs that are kept, some 50 bytes each


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a run depends on; what is quick to compare comes first."""

    seed: int
    cluster: Cluster
    queue: Queue
    split: Split
    estimate: Estimate
    jobs: tuple[Job, ...]


class Known:
    """Runs by what was asked: those that were asked for last, as long as their tasks are at most so many.

    What was asked is compared and not hashed, for the knobs of a policy may be mappings.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._kept: tuple[tuple[Asked, Run], ...] = ()  # last first; replaced as a whole, so that threads may share it

    def find(self, asked: Asked) -> Run | None:
        """Return the run of an equal question, or `None`."""
        for entry in self._kept:
            if entry[0] == asked:
                self._keep(entry)
                return entry[1]
        return None

    def keep(self, asked: Asked, run: Run) -> None:
        """Remember a run; its arrays can no longer be written."""
        for column in run.columns:
            column.flags.writeable = False
        self._keep((asked, run))

    def _keep(self, entry: tuple[Asked, Run]) -> None:
        kept, room = [], self.most
        for other in (entry, *(old for old in self._kept if old is not entry)):
            room -= len(other[1].job)
            if room < 0:
                break
            kept.append(other)
        self._kept = tuple(kept)
