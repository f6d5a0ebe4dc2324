"""The least capping that keeps every sample of a small row within its budget: an exact search."""

import math
from dataclasses import dataclass, field

import numpy as np

from evenly.cluster.row.caps.ideal import Ideal
from evenly.cluster.row.row import Demand, Plant, groups

Place = tuple[int, int, float]
"""Of a server: requests begun, phase (0 idle, 1 prompt, 2 token), and seconds at full clock that are left of it."""
EXCESS = 1e-9  # by which rounding may exceed the budget
DONE = 1e-12  # seconds that count as none


@dataclass(slots=True, eq=False)
class Oracle:
    """A search over the level of each tick, which takes effect at once and knows what will arrive.

    Cheap levels are tried first, and a schedule is left as soon as it costs as much as the best one found: at worst it
    looks at levels to the power of ticks.
    """

    plant: Plant
    demand: Demand
    clocks: tuple[tuple[float, float], ...]
    ticks: int
    group: list[int] = field(init=False)
    "Priority of each server."
    best: float = field(init=False, default=math.inf)
    "Server-ticks below the highest clock of the best schedule so far."

    def __post_init__(self) -> None:
        self.group = groups(self.plant.servers).tolist()

    def least(self) -> float:
        """Return the least server-seconds below the highest clock; infinite if no schedule keeps the budget."""
        self.best = math.inf
        mine = np.split(self.demand.requests, np.cumsum(self.demand.counts)[:-1])
        jobs = [[tuple(map(float, request)) for request in requests] for requests in mine]
        self._try(0, tuple((0, 0, 0.0) for _ in range(self.plant.servers)), 0, jobs)
        return self.best * self.plant.tick

    def _try(self, tick: int, state: tuple[Place, ...], cost: int, jobs: list[list[tuple[float, ...]]]) -> None:
        """Go on from a state in every way that may still beat the best."""
        if tick == self.ticks:
            self.best = cost
            return
        for clocks in self.clocks:
            each = [clocks[group] for group in self.group]
            more = cost + sum(clock < self.plant.server.top for clock in each)
            if more >= self.best:
                continue
            ends = [
                self._advance(place, tick * self.plant.tick, clock, own)
                for place, clock, own in zip(state, each, jobs, strict=True)
            ]
            if sum(watts for _, watts in ends) <= self.plant.budget * (1 + EXCESS):
                self._try(tick + 1, tuple(place for place, _ in ends), more, jobs)

    def _advance(self, place: Place, now: float, clock: float, jobs: list[tuple[float, ...]]) -> tuple[Place, float]:
        """Return the state of a server at the end of a tick, and its power then."""
        own, end = self.plant.server, now + self.plant.tick
        pace = (1.0, own.speed(own.prompt_loss, clock), own.speed(own.token_loss, clock))
        begun, phase, rest = place
        while now < end:
            if phase == 0:
                due = jobs[begun][0] if begun < len(jobs) else math.inf
                if due > end:
                    break
                now = max(now, due)
                begun, phase, rest = begun + 1, 1, jobs[begun][1]
            lasts = min(rest / pace[phase], end - now)
            now, rest = now + lasts, rest - lasts * pace[phase]
            if rest <= DONE:
                phase, rest = (2, jobs[begun - 1][2]) if phase == 1 else (0, 0.0)
        if phase == 0:
            return (begun, 0, 0.0), own.idle + own.rest_idle
        share = jobs[begun - 1][3] / own.limit if phase == 1 else self.plant.phases.token_share
        return (begun, phase, rest), float(own.watts(share, clock))


def highest(plant: Plant, demand: Demand, seconds: float) -> float:
    """Return the highest sample of the row's power when nothing holds it, in watts."""
    return float(plant.run(Ideal(), demand, seconds).samples.max()) * plant.budget


def capped(plant: Plant, low: float, high: float) -> float:
    """Return the server-seconds below the highest clock, from the seconds of each priority."""
    members = np.bincount(groups(plant.servers), minlength=2)
    return float(members[0] * high + members[1] * low)
