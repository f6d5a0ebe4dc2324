"""Turns by how much service users have had."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._weights import tier
from evenly.balance.recent import Recent


@dataclass(slots=True)
class Account:
    """What one user, or whatever else is counted, has had."""

    behind: float
    weight: float
    place: int
    had: float
    "Core-seconds for their weight."
    stages: dict[Hashable, list[float]] = field(default_factory=dict)
    "What each running task of each stage was charged when it started."


def _user(stage: Stage) -> Hashable:
    return stage.user


def expected(stage: Stage) -> float:
    """Return the core-seconds that one task of a stage is estimated to take."""
    return stage.work / stage.tasks


class Counters(Turns):
    """Core-seconds of service that each user, or whatever else `pool_of` tells, has had, for the user's weight.

    A task is charged when it starts with what `charge` says, and put right when it has finished. Who comes, or comes
    back, has at least what those had who were served last, so that nobody saves up while they ask for nothing; without
    `lift` they have what they had. With a `quantum` service counts in whole rounds of so many core-seconds.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        quantum: float = 0.0,
        charge: Callable[[Stage], float] = expected,
        pool_of: Callable[[Stage], Hashable] = _user,
        lift: bool = True,
    ) -> None:
        self.weights = weights
        self.quantum = quantum
        self.charge = charge
        self.pool_of = pool_of
        self.lift = lift
        self.accounts: dict[Hashable, Account] = {}
        self._left = Recent[float]()
        self._floor = {0.0: 0.0, 1.0: 0.0}
        self._places = count()

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Open an account."""
        name = self.pool_of(stage)
        account = self.accounts.get(name)
        if account is None:
            behind, weight = tier(self.weights, stage.user)
            had = max(self._left.take(name, 0.0), self._floor[behind])
            account = self.accounts[name] = Account(behind, weight, next(self._places), had)
        account.stages.setdefault(stage.id, [])
        return ()

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Charge a task."""
        account = self.accounts[self.pool_of(stage)]
        if self.lift:
            self._floor[account.behind] = max(self._floor[account.behind], account.had)
        charge = self.charge(stage)
        account.stages[stage.id].append(charge)
        account.had += charge / account.weight
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Put right what was charged."""
        name = self.pool_of(stage)
        account = self.accounts[name]
        owed = seconds * stage.demand[0] - account.stages[stage.id].pop()
        account.had += owed / account.weight
        return (name,) if owed < 0 else ()

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Put an account without stages aside."""
        name = self.pool_of(stage)
        account = self.accounts[name]
        del account.stages[stage.id]
        if not account.stages:
            self._left.keep(name, account.had)
            del self.accounts[name]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return whose account a stage is charged to."""
        return self.pool_of(stage)

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, the service or rounds, and the place."""
        account = self.accounts[pool]
        return (account.behind, account.had // self.quantum if self.quantum else account.had, float(account.place))
