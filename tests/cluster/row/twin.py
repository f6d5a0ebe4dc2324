"""A row in plain Python: what is left of each phase is counted down from event to event."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Floats, Ints


@dataclass
class One:
    group: int
    queue: list[int]
    phase: str = "idle"
    left: float = 0.0
    current: int = -1


@dataclass
class Twin:
    rules: dict[str, float]
    requests: Any
    clocks: Any
    cap: Any
    memory: Floats
    servers: list[One]
    begin: Floats
    end: Floats
    now: float = 0.0
    level: int = 0
    moving: int = -1
    braked: bool = False
    landing: float = math.inf
    brake: float = math.inf
    release: float = math.inf
    readings: list[tuple[float, float]] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)
    brakes: int = 0
    energy: float = 0.0
    peak: float = 0.0
    watched: list[tuple[float, int, int, float]] = field(default_factory=list)
    "Of each command: its time, old and new level, and the reading."

    def clock(self, one: One) -> float:
        clock = min(self.clocks[self.level][one.group], self.rules["top"])
        return float(min(clock, self.rules["brake_clock"]) if self.braked else clock)

    def speed(self, one: One) -> float:
        prompt = one.phase == "prompt"
        if self.braked:
            return self.rules["brake_prompt" if prompt else "brake_token"]
        return 1 - self.rules["prompt_loss" if prompt else "token_loss"] * (1 - self.clock(one) / self.rules["top"])

    def watts(self, one: One) -> float:
        r = self.rules
        if one.phase == "idle":
            return r["rest_idle"] + r["idle"]
        top = self.requests["watts"][one.current] if one.phase == "prompt" else r["token"]
        return float(r["rest_busy"] + r["idle"] + (top - r["idle"]) * (self.clock(one) / r["top"]) ** r["exponent"])

    def power(self) -> float:
        return sum(self.watts(one) for one in self.servers)

    def due(self, one: One) -> float:
        if one.phase == "idle":
            return float(self.requests["arrival"][one.queue[0]]) if one.queue else math.inf
        return self.now + one.left / self.speed(one)

    def advance(self, one: One) -> None:
        if one.phase == "prompt":
            one.phase, one.left = "token", float(self.requests["decode"][one.current])
            return
        if one.phase == "token":
            self.end[one.current] = self.now
        one.phase = "idle"
        if one.queue and self.requests["arrival"][one.queue[0]] <= self.now:
            one.current = one.queue.pop(0)
            one.phase, one.left = "prompt", float(self.requests["prompt"][one.current])
            self.begin[one.current] = self.now

    def read(self, p: float) -> None:
        if p > self.rules["limit"] and self.brake == math.inf and self.release == math.inf:
            self.brake = self.now + self.rules["latency"]
        level = int(self.cap.choose(self.now, p, self.level, self.moving, self.memory))
        if self.moving < 0 and level != self.level and 0 <= level < len(self.clocks):
            self.watched.append((self.now, self.level, level, p))
            self.moving, self.landing = level, self.now + self.rules["actuation"]

    def run(self) -> "Twin":
        tick = self.rules["tick"]
        while True:
            dues = [self.due(one) for one in self.servers]
            sample = len(self.samples) * tick
            reading = self.readings[0][0] if self.readings else math.inf
            nexts = [min(dues), self.landing, self.brake, self.release, sample, reading, self.rules["end"]]
            what = nexts.index(min(nexts))
            self.pass_time(nexts[what])
            if what == 0:
                self.advance(self.servers[dues.index(min(dues))])
            elif what == 1:
                self.level, self.moving, self.landing = self.moving, -1, math.inf
            elif what == 2:
                self.braked, self.brakes, self.brake = True, self.brakes + 1, math.inf
                self.release = self.now + self.rules["hold"]
            elif what == 3:
                self.braked, self.release = False, math.inf
            elif what == 4:
                self.samples.append(self.power() / self.rules["budget"])
                self.readings.append((self.now + self.rules["telemetry"], self.samples[-1]))
            elif what == 5:
                self.read(self.readings.pop(0)[1])
            else:
                return self
            self.peak = max(self.peak, self.power())

    def pass_time(self, until: float) -> None:
        for one in self.servers:
            if one.phase != "idle":
                one.left -= (until - self.now) * self.speed(one)
        self.energy += self.power() * (until - self.now)
        self.now = until


def twin(rules: dict[str, float], groups: Ints, counts: Ints, requests: Any, clocks: Any, cap: Any) -> Twin:
    """Return the row after its run."""
    from evenly.kernel.bridge import memory_of

    ends = np.cumsum(counts)
    servers = [One(int(g), list(range(e - c, e))) for g, c, e in zip(groups, counts, ends, strict=True)]
    none = np.full(len(requests), np.nan)
    return Twin(rules, requests, clocks, cap, memory_of(cap, 0, len(groups)), servers, none.copy(), none.copy()).run()
