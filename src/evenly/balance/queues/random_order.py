"""Jobs in random order."""

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from evenly.balance.queues import Stage, Turns
from evenly.balance.recent import Recent


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """Serve jobs by a lot that each draws when it comes: what happens without thought."""

    seed: int = 0
    "Of the lots, at least 0."

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"a seed is at least 0, not {self.seed}")

    def open(self, capacity: tuple[float, ...]) -> "_Lots":
        """Return the lots of jobs."""
        return _Lots(random.Random(self.seed))


class _Lots(Turns):
    """The lots of jobs; of equal ones the first goes first."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._drawn = 0
        self._lots: dict[Hashable, tuple[float, float]] = {}
        self._stages: dict[Hashable, set[Hashable]] = {}
        self._left = Recent[tuple[float, float] | None]()

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Let a new job draw."""
        if stage.job not in self._lots:
            lot = self._left.take(stage.job, None)
            if lot is None:
                self._drawn += 1
                lot = (self.chance.random(), float(self._drawn))
            self._lots[stage.job] = lot
        self._stages.setdefault(stage.job, set()).add(stage.id)
        return ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Put the lot of a job without stages aside."""
        self._stages[stage.job].discard(stage.id)
        if not self._stages[stage.job]:
            del self._stages[stage.job]
            self._left.keep(stage.job, self._lots.pop(stage.job))
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the job."""
        return stage.job

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return the lot of a job."""
        return self._lots[pool]
