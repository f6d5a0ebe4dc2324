"""A fleet whose replicas come and go, in plain Python: pass by pass, replica by replica, blocks without end."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Floats, Trace
from evenly.kernel.bridge import memory_of
from evenly.kernel.functions.records import FUNCTION, HISTORY
from evenly.kernel.serving.elastic import Elastic


@dataclass
class Replica:
    """One replica and its life."""

    state: str = "off"
    due: float = math.inf  # ready, or stops if idle until then
    end: float = math.inf  # of its pass
    born: float = 0.0
    ready: float = 0.0
    served: int = 0
    resting: bool = False
    waiting: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    parts: dict[int, int] = field(default_factory=dict)

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.running)


@dataclass
class Twin:
    """A fleet that serves a trace; `cost` is base, seconds a token and seconds a resident token.

    Requests go to the open replica with the fewest of them.
    """

    trace: Trace
    replicas: int
    elastic: Elastic
    budget: int
    seats: int
    cost: tuple[float, float, float]

    def __post_init__(self) -> None:
        count = len(self.trace)
        self.first_token, self.finish = np.full(count, np.nan), np.full(count, np.nan)
        self.done, self.given = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.fleet = [Replica() for _ in range(self.replicas)]
        self.lobby: list[int] = []
        self.lives: list[tuple[int, float, float, float]] = []
        self.cold = self.level = 0
        self.moving, self.look, self.wake = -1, math.inf, math.inf
        self.loads: list[tuple[float, int]] = []  # when the number of requests in the fleet changed, and to what
        self.model, self.gaps = np.zeros(1, FUNCTION).view(np.recarray), np.zeros((1, HISTORY))
        self.model["usual"] = self.model["lead"] = self.elastic.start
        self.model["timer"], self.model["last"] = self.elastic.timer, np.nan
        self.memories = {
            "keep": memory_of(self.elastic.keep, 7, 1),
            "scale": memory_of(self.elastic.scale, 7, self.replicas) if self.elastic.scale else np.zeros(1),
        }

    def of(self, *states: str) -> list[Replica]:
        return [one for one in self.fleet if one.state in states]

    @property
    def total(self) -> int:
        return len(self.lobby) + sum(one.load for one in self.fleet)

    def run(self) -> None:
        coming = list(range(len(self.trace)))
        there = max(self.elastic.least, int(self.elastic.scale is not None))
        for one in self.fleet[:there]:
            one.state, one.resting = "open", True
            one.born = one.ready = float(self.trace.arrival[0])
        self.level = max(0, there - 1)
        while np.isnan(self.finish).any():
            arrival = float(self.trace.arrival[coming[0]]) if coming else math.inf
            ends = [one.end for one in self.fleet]
            now = min(arrival, *ends, *(one.due for one in self.fleet), self.look, self.wake)
            for one in [one for one in self.fleet if one.end <= now]:
                self._land(one, now)
            self._change(now)
            while coming and self.trace.arrival[coming[0]] <= now:
                self._arrive(coming.pop(0), now)
                self._change(now)
            for one in self.fleet:
                if one.end == math.inf and one.load:
                    self._compose(one, now)
        for number, one in enumerate(self.fleet):
            if one.state != "off":
                end = float(self.finish.max())
                self.lives.append((number, one.born, end if one.state == "starting" else one.ready, end))

    # ---- the fleet ---------------------------------------------------------------------------------------------

    def _change(self, now: float) -> None:
        while min(self.look, self.wake, *(one.due for one in self.fleet)) <= now:
            if self.look <= now:
                self._look(now)
                continue
            due = [one for one in self.fleet if one.due <= now]
            if not due:
                self.wake = math.inf
                idle = [one for one in self.of("open", "closed") if one.resting]
                if not self.of("starting") and not idle and self.of("off"):
                    self._start(self.of("off")[0], now)
            elif due[0].state == "starting":
                self._ready(due[0], now)
            else:
                self._expire(due[0], now)

    def _start(self, one: Replica, now: float) -> None:
        one.state, one.born, one.served, one.resting = "starting", now, 0, False
        one.due = now + self.elastic.start

    def _ready(self, one: Replica, now: float) -> None:
        one.ready, one.due = now, math.inf
        level = self.level if self.moving < 0 else self.moving
        enough = self.elastic.scale is not None and len(self.of("open")) >= max(self.elastic.least, level + 1)
        one.state = "closed" if enough else "open"
        if self.moving >= 0 and not self.of("starting"):
            self.level, self.moving = self.moving, -1
        if one.state == "open":
            waiting, self.lobby = self.lobby, []
            for i in waiting:
                self._send(i)
        self._rest(one, now)

    def _rest(self, one: Replica, now: float) -> None:
        if one.load or one.resting or one.state not in ("open", "closed"):
            return
        one.resting = True
        if one.state == "closed" or self.elastic.scale is None:
            self._keep(one, now)

    def _keep(self, one: Replica, now: float) -> None:
        self.model["pods"] = len([r for r in self.of("open", "closed") if not r.resting]) + len(self.of("starting"))
        keep = type(self.elastic.keep).keep(now, 0, one.served, self.model, self.gaps, self.memories["keep"])
        if keep > 0:
            one.due = now + keep
        else:
            self._expire(one, now)

    def _expire(self, one: Replica, now: float) -> None:
        one.due = math.inf
        if one.state == "closed" or len(self.of("open", "starting")) > self.elastic.least:
            one.state, one.resting = "off", False
            self.lives.append((self.fleet.index(one), one.born, one.ready, now))

    def _look(self, now: float) -> None:
        every = self.elastic.every
        steps = [*self.loads, (now, self.total)]
        inside = [(max(a, now - every), b, n) for (a, n), (b, _) in itertools.pairwise(steps)]
        load = sum(max(0.0, b - a) * n for a, b, n in inside) / every / self.elastic.concurrency
        choose: Any = type(self.elastic.scale).choose
        level = choose(now, load, self.level, self.moving, self.memories["scale"])
        if self.moving < 0 and level != self.level:
            self._command(level, now)
        asleep = self.total == 0 and load == 0 and self.level == 0 and self.moving < 0
        self.look = math.inf if asleep else now + every

    def _command(self, level: int, now: float) -> None:
        goal = max(self.elastic.least, level + 1)
        while len(self.of("open", "starting")) < goal:
            if closed := self.of("closed"):
                closed[0].state, closed[0].due = "open", math.inf
            else:
                self._start(self.of("off")[0], now)
                self.moving = level
        while len(self.of("open")) > goal:
            least = min(one.load for one in self.of("open"))
            one = [one for one in self.of("open") if one.load == least][-1]
            one.state = "closed"
            if one.resting:
                self._keep(one, now)
        if self.moving < 0:
            self.level = level

    # ---- requests ----------------------------------------------------------------------------------------------

    def _arrive(self, i: int, now: float) -> None:
        if self.elastic.scale is not None and self.look == math.inf:
            self.look = (math.floor(now / self.elastic.every) + 1) * self.elastic.every
        if self.of("open"):
            self._send(i)
        else:
            self.lobby.append(i)
            self.cold += 1
        self.loads.append((now, self.total))
        meant = self.elastic.concurrency * len(self.of("open", "starting"))
        if self.elastic.scale is None and self.total > meant and self.of("off"):
            self._start(self.of("off")[0], now)
        if self.model.calls[0] > 0:
            self.gaps[0, (self.model.calls[0] - 1) % HISTORY] = now - self.model["last"][0]
        self.model["calls"] += 1
        self.model["last"] = now
        if hasattr(type(self.elastic.keep), "warm"):
            warm: Any = type(self.elastic.keep).warm
            self.wake = float(warm(now, 0, self.model, self.gaps, self.memories["keep"]))

    def _send(self, i: int) -> None:
        one = min(self.of("open"), key=lambda one: one.load)
        one.waiting.append(i)
        one.resting, one.due = False, math.inf

    def _compose(self, one: Replica, now: float) -> None:
        room, one.parts = self.budget, {}
        for i in one.running:
            left = int(self.trace.prompt[i] - self.done[i])
            tokens = min(room, left) if left else min(room, 1)
            if tokens:
                one.parts[i] = tokens
                room -= tokens
        while one.waiting and room and len(one.running) < self.seats:
            i = one.waiting.pop(0)
            one.running.append(i)
            one.parts[i] = min(room, int(self.trace.prompt[i]))
            room -= one.parts[i]
        decodes = [i for i in one.parts if self.done[i] == self.trace.prompt[i]]
        resident = sum(int(self.trace.prompt[i] + self.given[i] - 1) for i in decodes)
        one.end = now + self.cost[0] + self.cost[1] * sum(one.parts.values()) + self.cost[2] * resident

    def _land(self, one: Replica, now: float) -> None:
        one.end = math.inf
        for i, tokens in one.parts.items():
            if self.done[i] < self.trace.prompt[i]:
                self.done[i] += tokens
                if self.done[i] < self.trace.prompt[i]:
                    continue
                self.first_token[i] = now
            self.given[i] += 1
            if self.given[i] == self.trace.output[i]:
                self.finish[i] = now
                one.running.remove(i)
                one.served += 1
        self.loads.append((now, self.total))
        self._rest(one, now)


def rows(lives: list[tuple[int, float, float, float]]) -> Floats:
    """Return lives in order of their begin."""
    return np.array(sorted(lives, key=lambda life: (life[1], life[0])))
