"""How Spark cuts files."""

import math

MB = float(1 << 20)
MOST = 800.0
"Mebibytes that the published runs of UWFQ let a task read; Spark's own default is 128."
OPEN = 4.0
"Mebibytes that opening a file counts for, by default in Spark."


def check(most_mb: float, open_mb: float) -> None:
    """Raise `ValueError` for limits that exclude each other."""
    if not 0 < open_mb <= most_mb < math.inf:
        raise ValueError(f"open_mb is above 0 and at most most_mb, not {open_mb} and {most_mb}")


def pieces(size: float, slots: int, most_mb: float, open_mb: float) -> int:
    """Return the number of tasks that read so many bytes; one a slot where nobody knows how many they are."""
    if size == 0:
        return slots
    piece = min(most_mb * MB, max(open_mb * MB, size / slots))
    return max(1, math.ceil(size / piece))
