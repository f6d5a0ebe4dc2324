"""The twin's second prefix cache, in host memory: contents in the order of their last use."""

from collections.abc import Hashable

from tests.serve.twin.jobs import Job


class Host:
    """Blocks by content; copies to it run one after another, or hold a pass up."""

    def __init__(self, blocks: int, seconds: float) -> None:
        self.blocks, self.seconds = blocks, seconds
        self.ready: dict[Hashable, float] = {}
        self.out = 0.0
        self.seen = {"saved": 0, "overwritten": 0, "loaded": 0, "too early": 0, "saved by a victim": 0}

    def save(self, job: Job, block: int, now: float, waits: bool) -> int:
        """Copy what is missing of a request that ends or is preempted; return the blocks that a pass waits for."""
        copied = 0
        if self.blocks == 0 or (job.last_turn and not waits):
            return 0
        for place in reversed(range(job.computed // block)):
            content = job.content(place, block)
            if content in self.ready:
                self.ready[content] = self.ready.pop(content)
                continue
            if len(self.ready) == self.blocks:
                del self.ready[next(iter(self.ready))]
                self.seen["overwritten"] += 1
            copied += 1
            if not waits:
                self.out = max(self.out, now) + self.seconds
            self.ready[content] = now if waits else self.out
        self.seen["saved by a victim" if waits else "saved"] += copied
        return copied if waits else 0

    def hits(self, job: Job, first: int, block: int, now: float) -> int:
        """Return how many blocks of a request from `first` on are there, never all of its tokens."""
        count = 0
        while (first + count + 1) * block < job.length:
            ready = self.ready.get(job.content(first + count, block), -1.0)
            self.seen["too early"] += ready > now
            if not 0 <= ready <= now:
                break
            count += 1
        return count

    def load(self, job: Job, first: int, count: int, block: int) -> int:
        """Copy blocks back; return how many."""
        for place in reversed(range(first, first + count)):
            content = job.content(place, block)
            self.ready[content] = self.ready.pop(content)
        self.seen["loaded"] += count
        return count
