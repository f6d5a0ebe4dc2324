"""Blocks that the twin keeps for the next turn of a program."""

from dataclasses import dataclass

from tests.serve.twin.blocks import Pool
from tests.serve.twin.jobs import Job


@dataclass(slots=True)
class Stay:
    """The blocks of a request that ended."""

    index: int
    until: float
    table: list[int]
    awaited: bool = False
    "Whether the next turn waits for a seat."


class Kept:
    """All that is kept, the latest first, and what became of it."""

    def __init__(self, pool: Pool, ttl: float) -> None:
        self.pool = pool
        self.ttl = ttl
        self.stays: list[Stay] = []
        self.ends = {"kept": 0, "expired": 0, "given up": 0, "used": 0, "refused": 0}

    def keep(self, job: Job, now: float, block: int) -> None:
        """Become one more owner of the full blocks of a request that ended, if its program goes on."""
        full = job.computed // block
        if self.ttl == 0 or job.last_turn or full == 0:
            return
        found = [self.pool.find(job.content(place, block)) for place in range(full)]
        table = [one for one in found if one is not None]
        assert len(table) == full
        self.pool.share(table)
        self.stays.insert(0, Stay(job.index, now + self.ttl, table))
        self.ends["kept"] += 1

    def expire(self, now: float) -> None:
        """Let go what nobody came for in time."""
        for stay in [one for one in self.stays if not one.awaited and one.until <= now]:
            self._end(stay, "expired")

    def give_up(self) -> bool:
        """Let go what would stay longest, because nothing else can make room; say whether there was anything."""
        if self.stays:
            self._end(max(self.stays, key=lambda one: one.until), "given up")
            return True
        return False

    def come(self, job: Job, stays: bool) -> None:
        """Note that a request came, which waits from now on or was refused."""
        for stay in [one for one in self.stays if one.index == job.after and not one.awaited]:
            stay.awaited = True
            if not stays:
                self._end(stay, "refused")

    def seat(self, job: Job) -> None:
        """Let go what was kept for a request that has its seat."""
        for stay in [one for one in self.stays if one.index == job.after]:
            self._end(stay, "used")

    def _end(self, stay: Stay, why: str) -> None:
        self.stays.remove(stay)
        self.pool.give_back(stay.table)
        self.ends[why] += 1
