"""Replicas that keep step, in plain Python: window by window, token by token, blocks without end."""

import math
from dataclasses import dataclass, field

import numpy as np

from evenly.core import Floats, Trace


@dataclass
class Member:
    """One microbatch of one rank."""

    waiting: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)


@dataclass
class Twin:
    """Crews that serve a trace; `own` and `shared` are base, seconds a token and seconds a resident token.

    If requests are `carried`, all but the last token of each prompt is computed already.
    """

    trace: Trace
    crews: int
    stages: int
    ranks: int
    budget: int
    seats: int
    own: tuple[float, float, float]
    shared: tuple[float, float, float]
    carried: bool = False
    first_token: Floats = field(init=False)
    finish: Floats = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.trace)
        self.first_token, self.finish = np.full(count, np.nan), np.full(count, np.nan)
        self.done = self.trace.prompt - 1 if self.carried else np.zeros(count, np.int64)  # prompt tokens computed
        self.given = np.zeros(count, np.int64)  # output tokens

    def run(self) -> None:
        size = self.crews * self.stages * self.ranks
        for crew in range(self.crews):
            members = {r: Member() for r in range(crew, size, self.crews)}
            self._serve(members, [i for i in range(len(self.trace)) if i % size % self.crews == crew], size)

    def _serve(self, members: dict[int, Member], coming: list[int], size: int) -> None:
        now = 0.0
        while coming or any(one.waiting or one.running for one in members.values()):
            if not any(one.waiting or one.running for one in members.values()):
                now = max(now, float(self.trace.arrival[coming[0]]))
            while coming and self.trace.arrival[coming[0]] <= now:
                i = coming.pop(0)
                members[i % size].waiting.append(i)
            work = {r: self._compose(one) for r, one in members.items()}
            now += self.stages * max(self._seconds(r, work) for r in members if work[r])
            for r, parts in work.items():
                self._land(members[r], parts, now)

    def _compose(self, one: Member) -> dict[int, int]:
        """Return the tokens of each request in the pass: those that run in order, then those that wait."""
        room, parts = self.budget, {}
        for i in one.running:
            left = int(self.trace.prompt[i] - self.done[i])
            tokens = min(room, left) if left else min(room, 1)
            if tokens:
                parts[i] = tokens
                room -= tokens
        while one.waiting and room and len(one.running) < self.seats:
            i = one.waiting.pop(0)
            one.running.append(i)
            parts[i] = min(room, int(self.trace.prompt[i] - self.done[i]))
            room -= parts[i]
        return parts

    def _seconds(self, r: int, work: dict[int, dict[int, int]]) -> float:
        decodes = [i for i in work[r] if self.done[i] == self.trace.prompt[i]]
        resident = sum(int(self.trace.prompt[i] + self.given[i] - 1) for i in decodes)
        own = self.own[0] + self.own[1] * sum(work[r].values()) + self.own[2] * resident
        stride = self.crews * self.stages
        together = sum(sum(parts.values()) for other, parts in work.items() if other % stride == r % stride)
        if self.shared == (0.0, 0.0, 0.0):
            return own
        return own + self.shared[0] + self.shared[1] * together

    def _land(self, one: Member, parts: dict[int, int], now: float) -> None:
        for i, tokens in parts.items():
            if self.done[i] < self.trace.prompt[i]:
                self.done[i] += tokens
                if self.done[i] < self.trace.prompt[i]:
                    continue
                self.first_token[i] = now
            self.given[i] += 1
            if self.given[i] == self.trace.output[i]:
                self.finish[i] = now
                one.running.remove(i)


def latest(twin: Twin) -> float:
    """Return when the last request ended."""
    return float(np.nanmax(twin.finish)) if len(twin.finish) else -math.inf
