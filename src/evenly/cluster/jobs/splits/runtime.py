"""Tasks of about one length, whatever the stage."""

import math
from dataclasses import dataclass

from evenly.cluster.jobs.splits._files import MOST, OPEN, check, pieces


@dataclass(frozen=True, slots=True)
class Runtime:
    """Cut long stages until a task is estimated to take at most `advised` seconds; leave the others as they are.

    A slot then comes free soon, however long the jobs are, so that one who is due waits little although nothing is
    interrupted. Each task costs its start: keep `advised` at twenty times that.

    Reference: "Balancing Fairness and Performance in Multi-User Spark Workloads with Dynamic Scheduling (extended
    version)", arXiv 2510.15485.

    >>> Runtime().tasks(131.1, 0.0, slots=32), Runtime().tasks(1.5, 0.0, slots=32)
    (263, 32)
    """

    advised: float = 0.5
    "Seconds that a task takes at most by the estimate."
    most_mb: float = MOST
    "Mebibytes that a task reads at most; Spark's own default is 128."
    open_mb: float = OPEN
    "Mebibytes that a task of a stage that is not cut finer reads at least, if there are so many."

    def __post_init__(self) -> None:
        if not 0 < self.advised < math.inf:
            raise ValueError(f"advised is a positive number of seconds, not {self.advised}")
        check(self.most_mb, self.open_mb)

    def tasks(self, work: float, size: float, slots: int) -> int:
        """Return the number of tasks."""
        return max(pieces(size, slots, self.most_mb, self.open_mb), math.ceil(work / self.advised))
