"""The least capping that keeps every sample of a small row within its budget: an exact search."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.cluster.power.caps.ideal import Ideal
from evenly.cluster.power.row import Demand, Plant, groups

Place = tuple[int, int, float]
"""Of a server: requests begun, phase (0 idle, 1 prompt, 2 token), and seconds at full clock that are left of it."""
SAME = 9  # digits by which two states count as one
EXCESS = 1e-9  # by which rounding may exceed the budget
DONE = 1e-12  # seconds that count as none


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
        """Return the state a tick later, or `None` if the sample that is taken then exceeds the budget."""
        ends = [self._advance(server, place, tick * self.plant.tick, level) for server, place in enumerate(state)]
        total = sum(watts for _, watts in ends)
        return None if total > self.plant.budget * (1 + EXCESS) else tuple(place for place, _ in ends)

    def _advance(self, server: int, place: Place, now: float, level: int) -> tuple[Place, float]:
        """Return the state of a server at the end of a tick, and its power then."""
        own, end = self.plant.server, now + self.plant.tick
        first = int(self.demand.counts[:server].sum())
        mine = self.demand.requests[first : first + int(self.demand.counts[server])]
        clock = self.clocks[level][groups(self.plant.servers)[server]]
        pace = (1.0, own.speed(own.prompt_loss, clock), own.speed(own.token_loss, clock))
        begun, phase, rest = place
        while now < end:
            if phase == 0:
                due = float(mine["arrival"][begun]) if begun < len(mine) else math.inf
                if due > end:
                    break
                now = max(now, due)
                begun, phase, rest = begun + 1, 1, float(mine["prompt"][begun])
            lasts = min(rest / pace[phase], end - now)
            now, rest = now + lasts, rest - lasts * pace[phase]
            if rest <= DONE:
                phase, rest = (2, float(mine["decode"][begun - 1])) if phase == 1 else (0, 0.0)
        if phase == 0:
            return (begun, 0, 0.0), own.idle + own.rest_idle
        share = float(mine["watts"][begun - 1]) / own.limit if phase == 1 else self.plant.phases.token_share
        return (begun, phase, rest), float(own.watts(share, clock))


def highest(plant: Plant, demand: Demand, seconds: float) -> float:
    """Return the highest sample of the row's power when nothing holds it, in watts."""
    return float(plant.run(Ideal(), demand, seconds).samples.max()) * plant.budget


def capped(plant: Plant, low: float, high: float) -> float:
    """Return the server-seconds below the highest clock, from the seconds of each priority."""
    members = np.bincount(groups(plant.servers), minlength=2)
    return float(members[0] * high + members[1] * low)
