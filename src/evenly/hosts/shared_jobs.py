"""What hosts that share a cluster have in common: estimates from finished tasks, and a record of jobs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What happened to one job; times in seconds from one moment for all."""

    job: str
    user: str
    kind: str
    submit: float
    finish: float
    tasks: tuple[float, ...]
    "Seconds of each of its tasks."


def write(path: Path, records: Iterable[JobRecord]) -> None:
    """Write a record as lines of JSON, one a job; an earlier file of this name is replaced at once."""
    beside = path.with_name(path.name + ".part")
    beside.write_text("".join(json.dumps(asdict(one)) + "\n" for one in records), encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> Iterator[JobRecord]:
    """Return the jobs of a record that `write` has written."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield JobRecord(**row | {"tasks": tuple(row["tasks"])})
