"""Prompts apart: the kernel gives what a loop in plain Python gives, and prompts wait where decodes have no room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.kernel.serving.kinds import Kind
from evenly.kernel.serving.simulation import Run, simulate
from evenly.plan.kernel import halves
from evenly.serve.budgets.fixed import Fixed
from tests.kernel.workload import POLICIES, random_trace, rules_of

PROMPT, DECODE, NONE = (0.01, 5e-5, 1e-6), (0.005, 1e-4, 4e-6), np.zeros(0)
BUDGET, BLOCK = 512, 16
WAIT, EACH = 0.003, 1e-5  # of the link


def served(trace: Trace, prompts: Kind, decodes: Kind) -> Run:
    """Serve a trace on engines for prompts and others that decode, whole prompts in a pass."""
    kinds = (prompts, replace(decodes, carried=True))
    most = max(kind.blocks for kind in kinds)
    rules = rules_of("vllm-v1", most) | {
        "crews": 1,
        "stages": 1,
        "budget": BUDGET,
        "chunked": 0,
        "cache": 0,
        "seats": 64,
    }
    rules |= {"apart": prompts.crews * prompts.mates, "link_wait": WAIT, "link_seconds": EACH}
    policies = replace(POLICIES, budget=Fixed(BUDGET), kinds=kinds)
    members = sum(kind.crews * kind.mates for kind in kinds)
    return simulate(halves(trace), rules, policies, members, most, 0, 7)


@dataclass
class Engine:
    """One engine of either side, with one microbatch."""

    seats: int
    free: int = 1 << 40
    waiting: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)
    end: float = math.inf
    link: float = 0.0


class Twin:
    """Prompts on some engines of so many blocks, what follows on others of so many seats; both are asked in turn."""

    def __init__(self, trace: Trace, prompts: Sequence[Engine], decodes: Sequence[Engine]) -> None:
        self.trace, self.prompts, self.decodes = trace, prompts, decodes
        self.first, self.finish = np.full(len(trace), np.nan), np.full(len(trace), np.nan)
        self.given = np.zeros(len(trace), np.int64)
        self.home: dict[int, Engine] = {}
        self.coming: list[tuple[float, int]] = []  # at the engines that decode

    def run(self) -> None:
        left, turn, later = list(range(len(self.trace))), 0, 0
        while np.isnan(self.finish).any():
            ends = [one.end for one in (*self.prompts, *self.decodes)]
            arrivals = [*(self.trace.arrival[i] for i in left[:1]), *(one[0] for one in self.coming)]
            now = min([*ends, *arrivals])
            for one in self.prompts:
                if one.end <= now:
                    self._first(one, now)
            for one in self.decodes:
                if one.end <= now:
                    self._next(one, now)
            while left and self.trace.arrival[left[0]] <= now:
                self.prompts[turn % len(self.prompts)].waiting.append(left.pop(0))
                turn += 1
            while self.coming and min(self.coming)[0] <= now:
                next_one = min(self.coming)
                self.coming.remove(next_one)
                self.decodes[later % len(self.decodes)].waiting.append(next_one[1])
                later += 1
            for decoding in self.decodes:
                if decoding.end == math.inf:
                    self._decode(decoding, now)
            for prompting in self.prompts:
                if prompting.end == math.inf:
                    self._prompt(prompting, now)

    def _blocks(self, i: int) -> int:
        return -(-int(self.trace.prompt[i]) // BLOCK)

    def _prompt(self, one: Engine, now: float) -> None:
        room = BUDGET
        while one.waiting and len(one.running) < one.seats:
            i = one.waiting[0]
            if self.trace.prompt[i] > room or self._blocks(i) > one.free:
                break
            one.running.append(one.waiting.pop(0))
            one.free -= self._blocks(i)
            room -= int(self.trace.prompt[i])
        if one.running:
            one.end = now + PROMPT[0] + PROMPT[1] * (BUDGET - room)

    def _first(self, one: Engine, now: float) -> None:
        one.end = math.inf
        for i in one.running:
            self.first[i], self.given[i], self.home[i] = now, 1, one
            if self.trace.output[i] == 1:
                self.finish[i] = now
                one.free += self._blocks(i)
                continue
            one.link = max(one.link, now) + WAIT + EACH * int(self.trace.prompt[i])
            self.coming.append((one.link, i))
        one.running = []

    def _decode(self, one: Engine, now: float) -> None:
        one.fresh = []
        while one.waiting and len(one.running) < one.seats:
            i = one.waiting.pop(0)
            one.running.append(i)
            one.fresh.append(i)
            self.home[i].free += self._blocks(i)
        if one.running:
            old = [i for i in one.running if i not in one.fresh]
            resident = sum(int(self.trace.prompt[i] + self.given[i] - 1) for i in old)
            one.end = now + DECODE[0] + DECODE[1] * len(one.running) + DECODE[2] * resident

    def _next(self, one: Engine, now: float) -> None:
        one.end = math.inf
        for i in list(one.running):
            self.given[i] += 1
            if self.given[i] == self.trace.output[i]:
                self.finish[i] = now
                one.running.remove(i)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    prompts=st.integers(1, 2),
    decodes=st.integers(1, 2),
    blocks=st.integers(32, 120),
    seats=st.integers(1, 8),
    rate=st.sampled_from([2.0, 20.0, 500.0]),
)
def test_prompts_wait_for_those_that_decode_as_in_plain_python(
    seed: int, prompts: int, decodes: int, blocks: int, seats: int, rate: float
) -> None:
    trace = random_trace(seed, 40, rate, prompt=BUDGET // 2 - 20, output=20)
    run = served(
        trace,
        Kind(prompts, 1, 1, blocks, 64, np.array(PROMPT), NONE),
        Kind(decodes, 1, 1, 100_000, seats, np.array(DECODE), NONE),
    )
    twin = Twin(trace, [Engine(64, blocks) for _ in range(prompts)], [Engine(seats) for _ in range(decodes)])
    twin.run()
    more = np.flatnonzero(trace.output > 1)
    np.testing.assert_allclose(run.requests["first_token"][: len(trace)], twin.first, rtol=1e-9)
    np.testing.assert_allclose(run.requests["finish"][len(trace) :], twin.finish[more], rtol=1e-9)
    assert (run.pools["free"][:prompts] == blocks).all()
    assert (run.pools["least_free"] >= 0).all()


def test_more_blocks_for_prompts_never_give_first_tokens_later() -> None:
    trace = random_trace(4, 80, 50.0, prompt=200, output=40)
    slow = Kind(1, 1, 1, 100_000, 2, np.array(DECODE), NONE)
    means = []
    for blocks in (32, 64, 256, 100_000):
        run = served(trace, Kind(1, 1, 1, blocks, 64, np.array(PROMPT), NONE), slow)
        means.append(float((run.requests["first_token"] - run.requests["arrival"])[: len(trace)].mean()))
    assert means == sorted(means, reverse=True)
    assert means[0] > 2 * means[-1]
