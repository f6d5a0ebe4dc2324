"""As Spark cuts files by default."""

from dataclasses import dataclass

from evenly.cluster.jobs.splits._files import MOST, OPEN, check, pieces


@dataclass(frozen=True, slots=True)
class Spark:
    """One task a slot, more where they would read too much, fewer where they would read too little.

    A task reads at most `most_mb`, otherwise an equal part for each slot but at least `open_mb`, which a file costs to
    open. A stage that reads an unknown number of bytes has one task a slot.

    Reference: `FilePartition.maxSplitBytes` of Apache Spark; 800 MB is what the published runs of UWFQ were set to.

    >>> Spark().tasks(100.0, 0.0, slots=32), Spark().tasks(100.0, 64e9, slots=32), Spark().tasks(1.0, 8e6, slots=32)
    (32, 77, 2)
    """

    most_mb: float = MOST
    "Mebibytes that a task reads at most; Spark's own default is 128."
    open_mb: float = OPEN
    "Mebibytes that a task reads at least, if there are so many."

    def __post_init__(self) -> None:
        check(self.most_mb, self.open_mb)

    def tasks(self, work: float, size: float, slots: int) -> int:
        """Return the number of tasks."""
        return pieces(size, slots, self.most_mb, self.open_mb)
