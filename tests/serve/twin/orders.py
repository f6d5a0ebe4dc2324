"""The orders of the twin: what users and programs got, and ranks that are computed anew whenever one is chosen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evenly.serve.orders.deficit_round_robin import DeficitRoundRobin
from evenly.serve.orders.fair_programs import FairPrograms
from evenly.serve.orders.least_attained_service import LeastAttainedService
from evenly.serve.orders.program_first_come import ProgramFirstCome
from evenly.serve.orders.shortest_prompt import ShortestPrompt
from evenly.serve.orders.shortest_remaining import ShortestRemaining
from evenly.serve.orders.slo_slack import SloSlack
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter
from tests.serve.twin.jobs import Job

WORD = (1 << 64) - 1


@dataclass(slots=True)
class Flow:
    """What one user or program was given."""

    first: float
    prompt: int = 0
    output: int = 0
    started: float = -math.inf
    credit: float = 0.0


class Ledger:
    """Counts by user or program, as the order asks; the knobs are those of the order, the arithmetic is the twin's."""

    def __init__(self, order: Any, seed: int) -> None:
        self.order = order
        self.seed = seed
        self.by_program = getattr(type(order), "counts", "") == "program"
        self.flows: dict[int, Flow] = {}
        self.lifts = 0
        self.began: dict[int, float] = {}
        "When the program of a request began."

    def flow(self, job: Job) -> Flow:
        """Return the counts of a request's user or program."""
        return self.flows[self._key(job)]

    def _key(self, job: Job) -> int:
        return job.program if self.by_program else job.user

    def come(self, job: Job) -> None:
        """Note that a request came, be it refused or not."""
        self.began[job.index] = self.began.get(job.after, job.arrival)

    def join(self, job: Job, now: float, waiting: Sequence[Job]) -> None:
        """Note that a request comes to stand beside those that wait."""
        flow = self.flows.setdefault(self._key(job), Flow(now))
        if isinstance(self.order, VirtualTokenCounter | DeficitRoundRobin | FairPrograms):
            keys = {self._key(other) for other in waiting}
            if self._key(job) not in keys:
                others = [self.spent(self.flows[key]) for key in keys]
                last = max((other.started, self.spent(other)) for other in self.flows.values())[1]
                self._lift(flow, min(others) if others else last)

    def _lift(self, flow: Flow, floor: float) -> None:
        if isinstance(self.order, DeficitRoundRobin | FairPrograms):
            floor -= floor % self.order.quantum
        self.lifts += floor > self.spent(flow)
        flow.credit += max(0.0, floor - self.spent(flow))

    def start(self, job: Job, now: float) -> None:
        """Note that a request gets a seat."""
        self.flow(job).started = now
        if job.start is None:
            self.flow(job).prompt += job.prompt

    def spent(self, flow: Flow) -> float:
        """Return the weighted tokens of a flow, its credit included."""
        order = self.order
        return float(flow.credit + order.input_weight * flow.prompt + order.output_weight * flow.output)

    def rank(self, job: Job) -> Any:
        """Return the rank of a waiting request as things are now."""
        order = self.order
        if isinstance(order, FairPrograms):
            return job.preemptions == 0, self.spent(self.flow(job)) // order.quantum, self.began[job.index]
        if isinstance(order, ProgramFirstCome):
            return self.flow(job).first
        if isinstance(order, VirtualTokenCounter):
            return self.spent(self.flow(job))
        if isinstance(order, DeficitRoundRobin):
            return self.spent(self.flow(job)) // order.quantum
        if isinstance(order, LeastAttainedService):
            got = self.flow(job).prompt + order.output_weight * self.flow(job).output
            bounds = [order.first * order.factor**k for k in range(order.levels)]
            return sum(got >= bound for bound in bounds) if bounds else got
        known = job.prompt + job.generated
        if isinstance(order, ShortestPrompt):
            return known + order.aging * job.arrival
        if isinstance(order, SloSlack):
            due = order.ttft if job.deadline == math.inf else job.deadline
            return job.arrival + due - known / order.rate
        assert isinstance(order, ShortestRemaining)
        guess = job.output * (math.exp(order.error * gauss(self.seed, job.index)) if order.error else 1.0)
        return known + order.output_weight * max(1.0, guess - job.generated) + order.aging * job.arrival


def gauss(seed: int, index: int) -> float:
    """Return the normal number that seed and request stand for."""
    radius, angle = (
        ((mixed((seed * 0x9E3779B97F4A7C15 + 64 * index + draw) & WORD) >> 11) + 0.5) / 2**53 for draw in (0, 1)
    )
    return math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle)


def mixed(x: int) -> int:
    """Return the splitmix64 finaliser of a word."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)
