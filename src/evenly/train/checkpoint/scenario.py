"""A checkpoint scenario: a job that trains, saves its state and sometimes fails."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.train.checkpoint.failures import survive
from evenly.train.checkpoint.interval import interval_of
from evenly.train.checkpoint.results import METRICS, outcome
from evenly.train.checkpoint.savers import Saver
from evenly.train.checkpoint.savers.lazy import Lazy
from evenly.train.checkpoint.timeline import Machine, timeline

MOST_STEPS = 10_000_000
LOGGED = 200  # checkpoints of which every piece is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointScenario(Scenario):
    """Train some steps, save the state every few of them, and come back after failures."""

    kind: ClassVar[str] = "checkpoint"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "saver": ("lazy-by-tensor", "lazy", "snapshot-async", "raw-sync", "torch-save"),
        "interval": (1, 3, 10, 30, 100, 300, 1000),
    }

    state: float = 576e6
    "Bytes that a rank saves: parameters, moments and the rest."
    forward_backward: float = 0.45
    "Seconds of forward and backward in a step."
    update: float = 0.05
    "Seconds of the optimizer in a step."
    copy: float = 2.1e9
    "Bytes a second from the device to the host."
    serialise: float = 1.3e9
    "Bytes a second at which a state becomes one stream, where a saver needs that."
    storage: float = 0.98e9
    "Bytes a second from the host to storage that lasts."
    buffer: float = 2.0
    "States that the host has room for, at least 1."
    saver: Saver = field(default_factory=Lazy)
    "How long training waits for a checkpoint."
    interval: int | None = None
    "Steps between two checkpoints; by default those of Young and Daly."
    steps: int = 10_000
    "Steps of the run."
    mtbf: float = math.inf
    "Mean seconds between two failures; infinite for none."
    restart: float = 60.0
    "Seconds from a failure to the first step after it."

    def check(self) -> "CheckpointScenario":
        """Raise `ValueError` for values that make no sense; return self."""
        for name in ("state", "forward_backward", "copy", "serialise", "storage", "mtbf"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, not {getattr(self, name):g}")
        for name in ("state", "forward_backward"):
            if math.isinf(getattr(self, name)):
                raise ValueError(f"{name} is a number, not infinite")
        for name in ("update", "restart"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name):g}")
        if not 1 <= self.buffer <= 1000:
            raise ValueError(f"buffer is 1 to 1000 states, not {self.buffer:g}")
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps is 1 to {MOST_STEPS:,}, not {self.steps}")
        if self.interval is not None and not 1 <= self.interval <= self.steps:
            raise ValueError(f"interval is 1 to the {self.steps} steps of the run, not {self.interval}")
        return self

    @property
    def machine(self) -> Machine:
        """Return the rank and its storage."""
        return Machine(
            self.state, self.forward_backward, self.update, self.copy, self.serialise, self.storage, self.buffer
        )

    def run(self, progress: Progress = silent) -> Outcome:
        """Run all steps; return stalls, goodput, lost work, and the load of device, copier and writer by step."""
        self.check()
        machine = self.machine
        interval = self.interval or interval_of(machine, self.saver, self.mtbf, self.steps)
        made = timeline(machine, self.saver, interval, self.steps // interval, LOGGED)
        survived = survive(made, self.steps, machine.step, self.mtbf, self.restart, self.seed)
        return outcome(self, made, survived)
