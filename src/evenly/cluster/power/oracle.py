"""The least capping that keeps a small row within its budget, by looking at every schedule that could be better."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evenly.cluster.power.row import Demand, Plant, groups

Place = tuple[int, int, float]
"""Of a server: requests begun, phase (0 idle, 1 prompt, 2 token), and seconds at full clock that are left of it."""
SAME = 9  # digits by which two states count as one
EXCESS = 1e-9  # by which rounding may exceed the budget


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """A search over the level of each tick, which takes effect at once and knows what will arrive."""

    plant: Plant
    demand: Demand
    clocks: tuple[tuple[float, float], ...]
    ticks: int

    def least(self) -> float:
        """Return the least server-seconds below the highest clock; infinite if no schedule keeps the budget.

        Limits are raised one by one, so that the first schedule found is the best.
        """
        start = tuple((0, 0, 0.0) for _ in range(self.plant.servers))
        whole = max(self._price(level) for level in range(len(self.clocks))) * self.ticks
        for limit in range(whole + 1):
            if self._reaches(0, start, limit, {}):
                return limit * self.plant.tick
        return math.inf

    def _price(self, level: int) -> int:
        """Return how many servers a level slows."""
        return sum(self.clocks[level][group] < self.plant.server.top for group in groups(self.plant.servers))

    def _reaches(self, tick: int, state: tuple[Place, ...], left: int, seen: dict[tuple[object, ...], int]) -> bool:
        """Tell whether the ticks from here on can be passed by slowing servers `left` times."""
        if tick == self.ticks:
            return True
        key = (tick, *((begun, phase, round(rest, SAME)) for begun, phase, rest in state))
        if seen.get(key, -1) >= left:
            return False
        seen[key] = left
        for level in range(len(self.clocks)):
            if self._price(level) <= left:
                following = self._pass(tick, state, level)
                if following is not None and self._reaches(tick + 1, following, left - self._price(level), seen):
                    return True
        return False

    def _pass(self, tick: int, state: tuple[Place, ...], level: int) -> tuple[Place, ...] | None:
        """Return the state a tick later, or `None` if the row draws more than its budget meanwhile."""
        changes: list[tuple[float, float]] = []
        following = []
        for server, place in enumerate(state):
            watts = 0.0
            for at, now, end in self._phases(server, place, tick * self.plant.tick, level):
                changes.append((at, now - watts))
                watts, place = now, end
            following.append(place)
        changes.sort()
        total = 0.0
        for k, (at, change) in enumerate(changes):
            total += change
            together = k + 1 < len(changes) and changes[k + 1][0] == at
            if not together and total > self.plant.budget * (1 + EXCESS):
                return None
        return tuple(following)

    def _phases(self, server: int, place: Place, now: float, level: int) -> Iterator[tuple[float, float, Place]]:
        """Yield the begin, the power and the state at the end of each phase of a server within a tick."""
        plant, end = self.plant, now + self.plant.tick
        first = int(self.demand.counts[:server].sum())
        mine = self.demand.requests[first : first + int(self.demand.counts[server])]
        clock = self.clocks[level][groups(plant.servers)[server]]
        pace = (
            1.0,
            plant.server.speed(plant.server.prompt_loss, clock),
            plant.server.speed(plant.server.token_loss, clock),
        )
        begun, phase, rest = place
        while now < end:
            if phase == 0:
                due = float(mine["arrival"][begun]) if begun < len(mine) else math.inf
                if due > now:
                    yield now, plant.server.idle + plant.server.rest_idle, (begun, 0, 0.0)
                    now = min(due, end)
                    continue
                begun, phase, rest = begun + 1, 1, float(mine["prompt"][begun])
            limit = plant.server.limit
            share = float(mine["watts"][begun - 1]) / limit if phase == 1 else plant.phases.token_share
            lasts = min(rest / pace[phase], end - now)
            rest -= lasts * pace[phase]
            begin, now = now, now + lasts
            spent = (begun, phase, rest)
            if rest <= 1e-12:
                spent = (begun, 2, float(mine["decode"][begun - 1])) if phase == 1 else (begun, 0, 0.0)
                now = begin + lasts
            yield begin, float(plant.server.watts(share, clock)), spent
            begun, phase, rest = spent


def overloaded(plant: Plant, demand: Demand, seconds: float) -> float:
    """Return the highest power of the row when nothing holds it, in watts."""
    from evenly.cluster.power.caps.ideal import Ideal

    return float(plant.run(Ideal(), demand, seconds).state[0]["peak"])


def capped(plant: Plant, low: float, high: float) -> float:
    """Return the server-seconds below the highest clock, from the seconds of each priority."""
    members = np.bincount(groups(plant.servers), minlength=2)
    return float(members[0] * high + members[1] * low)
