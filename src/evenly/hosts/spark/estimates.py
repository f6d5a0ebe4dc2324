"""What tasks are expected to take, corrected by those that have finished."""

from collections.abc import Hashable
from dataclasses import dataclass, field

UNKNOWN = 0.5  # seconds claimed of a task that nothing is known of: the advised task time (arXiv 2510.15485)
MEMORY = 100  # tasks after which older ones count for less


@dataclass(slots=True)
class Estimates:
    """How much longer tasks take than was claimed of them, by their kind.

    What one job shows corrects all others of its kind at once: if each were corrected by its own tasks alone, those
    that have not begun would look short as long as claims are too low, and be served first.

    >>> known = Estimates()
    >>> known.learn("sort", claimed=0.5, seconds=1.0)
    >>> known.pace("sort"), known.pace("never seen")
    (2.0, 1.0)
    """

    _sums: dict[Hashable, tuple[float, float, float]] = field(default_factory=dict)

    def pace(self, kind: Hashable) -> float:
        """Return what tasks of a kind took over what had been claimed; 1 while none has finished."""
        _, claimed, seconds = self._sums.get(kind, (0.0, 0.0, 0.0))
        return seconds / claimed if claimed > 0 else 1.0

    def learn(self, kind: Hashable, claimed: float, seconds: float) -> None:
        """Note how long a task took."""
        count, sum_claimed, sum_seconds = self._sums.get(kind, (0.0, 0.0, 0.0))
        keep = min(1.0, MEMORY / (count + 1))
        self._sums[kind] = (keep * (count + 1), keep * (sum_claimed + claimed), keep * (sum_seconds + seconds))
