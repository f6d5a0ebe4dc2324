"""What tasks are expected to take, learned from those that have finished."""

from dataclasses import dataclass, field

UNKNOWN = 0.5  # seconds expected of a task of a kind that was never seen: the advised task time (arXiv 2510.15485)
MEMORY = 100  # tasks after which the mean follows what is new


@dataclass(slots=True)
class Estimates:
    """Seconds of a task by the kind of its job: the mean of those that have finished.

    >>> known = Estimates()
    >>> for seconds in (1.0, 3.0):
    ...     known.learn("sort", seconds)
    >>> known.expect("sort"), known.expect("never seen")
    (2.0, 0.5)
    """

    unknown: float = UNKNOWN
    _means: dict[str, tuple[int, float]] = field(default_factory=dict)

    def expect(self, kind: str) -> float:
        """Return the seconds that a task of a kind is expected to take."""
        return self._means.get(kind, (0, self.unknown))[1]

    def learn(self, kind: str, seconds: float) -> None:
        """Note how long a task of a kind took."""
        count, mean = self._means.get(kind, (0, 0.0))
        count += 1
        self._means[kind] = (count, mean + (seconds - mean) / min(count, MEMORY))
