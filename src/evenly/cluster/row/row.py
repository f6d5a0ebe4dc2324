"""A row: servers, budget, delays and brake, and its run under a policy."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evenly.cluster.row.caps import Cap, Training
from evenly.cluster.row.caps.ideal import Ideal
from evenly.cluster.row.traffics import HIGH, LOW, Traffic
from evenly.core import Array, Floats, Ints
from evenly.hardware.server import Phases, Server

if TYPE_CHECKING:
    from evenly.kernel.row.simulate import Row

HOUR = 3600.0
WEEK = 168.0  # hours of a training run
COLUMNS = ("arrival", "prompt", "decode", "watts")  # of requests


@dataclass(frozen=True, slots=True)
class Brake:
    """What protects the row: all devices drop to a clock at which it draws little, for a while."""

    latency: float = 5.0
    "Seconds from a reading above the budget to the brake."
    hold: float = 30.0
    "Seconds that it holds, an assumption."
    clock: float = 288.0
    "Clock of all devices meanwhile, in MHz."
    prompt: float = 0.2
    "Speed of prompts meanwhile, a share; an assumption."
    token: float = 0.35
    "Speed of tokens meanwhile, a share; an assumption."

    def __post_init__(self) -> None:
        for name in ("latency", "hold"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")
        if not 0 < self.clock < float("inf"):
            raise ValueError(f"clock is a positive number of MHz, not {self.clock}")
        for name in ("prompt", "token"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share above 0 and at most 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What a row is asked for: the requests of each server."""

    requests: Array
    "Columns arrival, prompt and decode (seconds at full clock), and watts while the prompt is computed, by server."
    counts: Ints
    "Requests of each server."
    tokens: Ints
    "Prompt and output of each request."

    def of(self, servers: int) -> "Demand":
        """Return what the first so many servers are asked for: the same as a row of so many is."""
        counts = self.counts[:servers]
        return Demand(self.requests[: counts.sum()], counts, self.tokens[: counts.sum()])

    @property
    def server(self) -> Ints:
        """Return the server of each request."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


@dataclass(frozen=True, slots=True)
class Plant:
    """The machinery that a policy steers."""

    servers: int
    budget: float
    "Watts."
    server: Server
    phases: Phases
    tick: float
    "Seconds between two samples of the power."
    telemetry: float
    "Seconds from a sample to its reading."
    actuation: float
    "Seconds from a command to new clocks."
    brake: Brake = field(default_factory=Brake)

    def demand(self, traffic: Traffic, seed: int) -> Demand:
        """Return the requests of all servers."""
        streams = [traffic.stream(place, self.phases, seed) for place in range(self.servers)]
        arrival, prompt, output = (np.concatenate(column) for column in zip(*streams, strict=True))
        requests = np.empty(len(arrival), [(name, "f8") for name in COLUMNS])
        requests["arrival"] = arrival
        requests["prompt"] = self.phases.prompt_seconds(prompt)
        requests["decode"] = self.phases.token_seconds * output
        requests["watts"] = self.server.limit * self.phases.prompt_share(prompt)
        counts = np.array([len(arrival) for arrival, _, _ in streams], np.int64)
        return Demand(requests, counts, np.stack([prompt, output], axis=1))

    def run(self, cap: Cap, demand: Demand, seconds: float, seed: int = 0, first: bool = False) -> "Row":
        """Run a policy on a demand for some seconds; with `first`, stop at the first brake."""
        from evenly.kernel.row.simulate import simulate

        rules = self._rules(cap) | {"end": seconds, "bin": span(seconds), "first": float(first)}
        mine = demand.of(self.servers)
        return simulate(rules, groups(self.servers), mine.counts, mine.requests, np.array(cap.clocks), cap, seed)

    def training(self, traffic: Traffic, seed: int) -> Training:
        """Return a week of this row without caps and brake."""
        week = traffic.lasting(WEEK)
        return self.learnt(self.run(Ideal(), self.demand(week, seed), week.seconds).samples)

    def learnt(self, samples: Floats) -> Training:
        """Return what samples of this row without caps teach a policy."""
        idle = self.servers * (self.server.idle + self.server.rest_idle) / self.budget
        return Training(samples, self.tick, self.telemetry, self.actuation, idle, self.saved)

    def saved(self, clocks: tuple[float, float]) -> float:
        """Return the share of the row's power above idle that clocks of high and low priority save.

        All servers are taken to generate tokens or to idle.

        >>> from evenly.hardware.server import phases
        >>> row = Plant(52, 260e3, Server(), phases("bloom-176b"), 2.0, 2.0, 40.0)
        >>> round(row.saved((np.inf, 1275.0)), 3), round(row.saved((1305.0, 1110.0)), 3)
        (0.048, 0.139)
        """
        server, share = self.server, self.phases.token_share
        full = server.watts(share, np.inf)
        part = np.bincount(groups(self.servers), minlength=2) / self.servers
        less = sum(part[group] * (full - server.watts(share, clock)) for group, clock in enumerate(clocks))
        return float(less / (full - server.idle - server.rest_idle))

    def _rules(self, cap: Cap) -> dict[str, float]:
        return {
            "tick": self.tick,
            "telemetry": self.telemetry,
            "actuation": self.actuation,
            "limit": 1.0 if cap.guarded else np.inf,
            "latency": self.brake.latency,
            "hold": self.brake.hold,
            "brake_clock": self.brake.clock,
            "brake_prompt": self.brake.prompt,
            "brake_token": self.brake.token,
            "budget": self.budget,
            "idle": self.server.idle,
            "rest_idle": self.server.rest_idle,
            "rest_busy": self.server.rest_busy,
            "token": self.server.limit * self.phases.token_share,
            "top": self.server.top,
            "exponent": self.server.exponent,
            "prompt_loss": self.server.prompt_loss,
            "token_loss": self.server.token_loss,
        }


def groups(servers: int) -> Ints:
    """Return the priority of each server, 0 for high and 1 for low.

    >>> groups(4)
    array([0, 1, 0, 1])
    """
    return np.where(np.arange(servers) % 2, LOW, HIGH)


def span(seconds: float) -> float:
    """Return the length of a step of the load: an hour, or a part of a short run."""
    return min(HOUR, seconds / 24)


def rise(samples: Floats, steps: int) -> Floats:
    """Return by how much each sample exceeds the least of those up to `steps` before it.

    >>> rise(np.array([1.0, 3.0, 2.0, 4.0]), 2)
    array([0., 2., 1., 2.])
    """
    from scipy.ndimage import minimum_filter1d

    least = minimum_filter1d(samples, steps + 1, origin=steps // 2, mode="nearest")
    return np.asarray(samples - least)


def steps(delay: float, tick: float) -> int:
    """Return how many samples pass in a delay, at least 1.

    >>> steps(40.0, 2.0)
    20
    """
    return max(1, int(np.ceil(delay / tick - 1e-9)))
