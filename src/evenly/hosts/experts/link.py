"""A link that moves experts from the host's memory to the device's, no faster than it may."""

import os
import time
from collections import deque
from threading import Condition, Thread

from evenly.core import Ints
from evenly.hosts.experts.network import Reals

CHUNK = 1 << 15  # floats of a copy between two looks at the bucket


class Link:
    """Copy experts one after the other on a thread of its own: what is asked for first, then what is prefetched.

    A token bucket gives `rate` bytes a second and holds one chunk. `arrived[slot]` becomes the number of the job that
    filled the slot; the device reads it. `samples` has the seconds of each job.
    """

    def __init__(self, store: Reals, pool: Reals, arrived: Ints, rate: float, core: int | None) -> None:
        self.store, self.pool, self.arrived = store, pool, arrived
        self.rate, self.core = rate, core
        self.asked: deque[tuple[int, int, int]] = deque()
        self.later: deque[tuple[int, int, int]] = deque()
        self.jobs, self.busy_until = 0, 0.0
        self.working, self.stopped = False, False
        self.samples: list[float] = []
        self.change = Condition()
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def seconds(self) -> float:
        """Return the seconds that one expert takes at least."""
        return float(4.0 * self.store.shape[1] / self.rate)

    def send(self, expert: int, slot: int, ahead: bool = False) -> int:
        """Move an expert to a slot; return the number of the job."""
        with self.change:
            self.jobs += 1
            (self.later if ahead else self.asked).append((self.jobs, expert, slot))
            self.change.notify_all()
            return self.jobs

    def recall(self) -> list[int]:
        """Forget the prefetches that have not begun; return their jobs."""
        with self.change:
            jobs = [job for job, _, _ in self.later]
            self.later.clear()
            return jobs

    def free_in(self) -> float:
        """Return the seconds until what has begun and what is asked for has been moved."""
        with self.change:
            return max(0.0, self.busy_until - time.monotonic()) + len(self.asked) * self.seconds

    def drain(self) -> None:
        """Wait until everything has been moved."""
        with self.change:
            self.change.wait_for(lambda: not (self.asked or self.later or self.working))

    def close(self) -> None:
        """Stop after the job under way."""
        with self.change:
            self.stopped = True
            self.change.notify_all()
        self.thread.join()

    def _run(self) -> None:
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})
        while True:
            with self.change:
                while not (self.asked or self.later or self.stopped):
                    self.change.wait()
                if self.stopped:
                    return
                job, expert, slot = (self.asked or self.later).popleft()
                start = time.monotonic()
                self.busy_until, self.working = start + self.seconds, True
            self._copy(expert, slot, start)
            self.samples.append(time.monotonic() - start)
            self.arrived[slot] = job
            with self.change:
                self.working = False
                self.change.notify_all()

    def _copy(self, expert: int, slot: int, start: float) -> None:
        """Copy chunk by chunk, each once the bucket has tokens for it."""
        source, target = self.store[expert], self.pool[slot]
        for begin in range(0, len(source), CHUNK):
            end = min(begin + CHUNK, len(source))
            target[begin:end] = source[begin:end]
            wait = start + 4.0 * end / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
