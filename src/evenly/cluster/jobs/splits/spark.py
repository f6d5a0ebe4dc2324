"""As Spark cuts files by default."""

import math
from dataclasses import dataclass

MB = float(1 << 20)


@dataclass(frozen=True, slots=True)
class Spark:
    """One task a slot, more where they would read too much, fewer where they would read too little.

    A task reads at most `most_mb`, otherwise an equal part for each slot but at least `open_mb`, which a file costs to
    open. A stage that reads an unknown number of bytes has one task a slot.

    Reference: `FilePartition.maxSplitBytes` of Apache Spark; 800 MB is what the published runs of UWFQ were set to.

    >>> Spark().tasks(100.0, 0.0, slots=32), Spark().tasks(100.0, 64e9, slots=32), Spark().tasks(1.0, 8e6, slots=32)
    (32, 77, 2)
    """

    most_mb: float = 800.0
    "Mebibytes that a task reads at most; Spark's own default is 128."
    open_mb: float = 4.0
    "Mebibytes that a task reads at least, if there are so many."

    def __post_init__(self) -> None:
        if not 0 < self.open_mb <= self.most_mb < math.inf:
            raise ValueError(f"open_mb is above 0 and at most most_mb, not {self.open_mb} and {self.most_mb}")

    def tasks(self, work: float, size: float, slots: int) -> int:
        """Return the number of tasks."""
        if size == 0:
            return slots
        piece = min(self.most_mb * MB, max(self.open_mb * MB, size / slots))
        return max(1, math.ceil(size / piece))
