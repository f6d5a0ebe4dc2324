"""Jobs that have yet to measure what their tasks take."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evenly.hosts.dask.jobs import Job, mean

DRIFT = 1.5  # jobs are estimated anew when the scheduler's mean for their tasks has moved by this factor


@dataclass(slots=True)
class Unmeasured:
    """Jobs of which no task of some name has ended: they follow the scheduler's mean for it.

    To estimate them all anew costs as much as they are many, so it happens only when as many tasks have ended.
    """

    jobs: dict[str, dict[Job, None]] = field(default_factory=dict)
    _used: dict[str, float] = field(default_factory=dict)
    _ended: dict[str, int] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        """Let a job follow the means of what it has not measured itself."""
        for (name, claimed), part in job.parts.items():
            if not claimed and part.done == 0:
                self.jobs.setdefault(name, {})[job] = None
                self._used.setdefault(name, part.claim)

    def drop(self, job: Job, name: str) -> None:
        """Let a job go its own way."""
        jobs = self.jobs.get(name)
        if not jobs or job not in jobs:
            return
        del jobs[job]
        if not jobs:
            del self.jobs[name], self._used[name]
            self._ended.pop(name, None)

    def ended(self, prefix: Any, unknown: float) -> Iterator[Job]:
        """Note that a task of a name has ended; yield the jobs whose estimates that changed."""
        jobs = self.jobs.get(prefix.name)
        if not jobs:
            return
        ended = self._ended[prefix.name] = self._ended.get(prefix.name, 0) + 1
        now, used = mean(prefix, unknown), self._used[prefix.name]
        if ended < len(jobs) or now <= 0 or used / DRIFT < now < used * DRIFT:
            return
        self._used[prefix.name], self._ended[prefix.name] = now, 0
        for job in list(jobs):
            part = job.parts[prefix.name, False]
            part.left *= now / part.claim
            part.claim = now
            yield job
