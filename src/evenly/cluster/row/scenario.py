"""A row scenario: servers under one power budget, their traffic, and the policy that sets their clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from evenly.cluster.row.caps import Cap, unfitted
from evenly.cluster.row.caps.polca import Polca
from evenly.cluster.row.metrics import METRICS
from evenly.cluster.row.row import Brake, Plant
from evenly.cluster.row.traffics import Traffic
from evenly.cluster.row.traffics.daily import Daily
from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.hardware.server import Server, phases

MOST_SERVERS = 10_000
MOST_TICKS = 100_000_000
ANOTHER = 1_000_003  # added to the seed of a run gives that of the week to learn from


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScenario(Scenario):
    """Serve requests on a row of servers that share a power budget."""

    kind: ClassVar[str] = "row"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "servers": (40, 44, 48, 50, 52, 54, 56),
        "cap": ("no-cap", "one-low", "one-all", "polca"),
    }

    servers: int = 52
    "Servers in the row, of which even ones have high priority."
    provisioned: int = 40
    "Servers whose full power makes up the budget."
    server: Server = field(default_factory=Server)
    "What a server draws and how fast it is."
    model: str = "bloom-176b"
    "Name of a model whose phases were measured."
    trace: Traffic = field(default_factory=Daily)
    "What arrives."
    cap: Cap = field(default_factory=Polca)
    "At which clocks the servers run."
    brake: Brake = field(default_factory=Brake)
    "What protects the row where the clocks do not."
    tick: float = 2.0
    "Seconds between two samples of the row's power."
    telemetry: float = 2.0
    "Seconds from a sample to its reading."
    actuation: float = 40.0
    "Seconds from a command to new clocks."

    def check(self) -> "RowScenario":
        """Raise `ValueError` for values that make no sense; return self."""
        if not 1 <= self.servers <= MOST_SERVERS:
            raise ValueError(f"servers is 1 to {MOST_SERVERS:,}, not {self.servers}")
        if not 1 <= self.provisioned <= MOST_SERVERS:
            raise ValueError(f"provisioned is 1 to {MOST_SERVERS:,} servers, not {self.provisioned}")
        phases(self.model, self.server.device)
        if not 0 < self.tick < float("inf"):
            raise ValueError(f"tick is a positive number of seconds, not {self.tick}")
        if self.trace.seconds / self.tick > MOST_TICKS:
            raise ValueError(f"tick is {self.tick:g} s: the run would have more than {MOST_TICKS:,} samples")
        for name in ("telemetry", "actuation"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")
        return self

    @property
    def plant(self) -> Plant:
        """Return the row without its traffic and policy."""
        budget = self.provisioned * self.server.provisioned
        known = phases(self.model, self.server.device)
        return Plant(self.servers, budget, self.server, known, self.tick, self.telemetry, self.actuation, self.brake)

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate and return figures, requests, power over time, and energy by server."""
        from evenly.cluster.row.results import outcome

        self.check()
        settled = replace(self, cap=self.settled())
        plant = self.plant
        demand = plant.demand(self.trace, self.seed)
        return outcome(settled, demand, plant.run(settled.cap, demand, self.trace.seconds, self.seed))

    def settled(self) -> Cap:
        """Return the policy with what it derives fitted to a week of this row without caps, from another seed."""
        return self.cap.fit(self.plant.training(self.trace, self.seed + ANOTHER)) if unfitted(self.cap) else self.cap
