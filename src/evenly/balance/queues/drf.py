"""Dominant resource fairness."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from evenly.balance.queues import Stage, Turns
from evenly.balance.queues._weights import check_weights, tier


@dataclass(frozen=True, slots=True)
class Drf:
    """Serve the user whose dominant share, the largest of their shares of any resource, is smallest for their weight.

    Where tasks hold several resources, nobody gains by asking for more than they need, and everybody gets at least what
    an equal part of the cluster would give them. With cores alone it is `ujf`. It needs no estimates.

    Reference: Ghodsi et al., "Dominant resource fairness: fair allocation of multiple resource types", NSDI 2011.
    """

    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "Shares of users, at least 0; 1 for those who are not named."

    def __post_init__(self) -> None:
        check_weights(self.weights)

    def open(self, capacity: tuple[float, ...]) -> "_DominantShares":
        """Return the shares of a cluster that has so much of each resource."""
        return _DominantShares(self.weights, capacity)


@dataclass(slots=True)
class _User:
    behind: float
    weight: float
    place: int
    held: list[float]
    running: int = 0
    stages: set[Hashable] = field(default_factory=set)


class _DominantShares(Turns):
    """What each user holds of each resource."""

    def __init__(self, weights: Mapping[str, float], capacity: tuple[float, ...]) -> None:
        self.weights = weights
        self.capacity = capacity
        self._users: dict[str, _User] = {}
        self._places = count()

    def submit(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Meet a user; raise `ValueError` for a task that holds what the cluster does not have."""
        if len(stage.demand) != len(self.capacity):
            raise ValueError(
                f"tasks of stage '{stage.id}' hold {len(stage.demand)} resources, the cluster has {len(self.capacity)}"
            )
        if stage.user not in self._users:
            held = [0.0] * len(self.capacity)
            self._users[stage.user] = _User(*tier(self.weights, stage.user), next(self._places), held)
        self._users[stage.user].stages.add(stage.id)
        return (stage.user,)

    def start(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Count what a task holds."""
        user = self._users[stage.user]
        user.running += 1
        user.held = [held + demand for held, demand in zip(user.held, stage.demand, strict=True)]
        return ()

    def finish(self, stage: Stage, seconds: float, now: float) -> Iterable[Hashable]:
        """Count what is free again; a user who runs nothing holds exactly nothing."""
        user = self._users[stage.user]
        user.running -= 1
        left = [held - demand for held, demand in zip(user.held, stage.demand, strict=True)]
        user.held = left if user.running else [0.0] * len(left)
        return (stage.user,)

    def leave(self, stage: Stage, now: float) -> Iterable[Hashable]:
        """Forget a user without stages."""
        self._users[stage.user].stages.discard(stage.id)
        if not self._users[stage.user].stages:
            del self._users[stage.user]
        return ()

    def pool(self, stage: Stage) -> Hashable:
        """Return the user."""
        return stage.user

    def key(self, pool: Hashable) -> tuple[float, ...]:
        """Return whether the user has no weight, their dominant share for their weight, and their place."""
        user = self._users[str(pool)]
        share = max(held / has for held, has in zip(user.held, self.capacity, strict=True) if has > 0)
        return (user.behind, share / user.weight, float(user.place))
