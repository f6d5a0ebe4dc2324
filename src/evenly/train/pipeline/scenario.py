"""A pipeline scenario: one training step over stages, the order of its passes, and where the vocabulary lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.hardware.device import device
from evenly.train.pipeline.job import BARRIERS, Job, Placement
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.results import METRICS, outcome
from evenly.train.pipeline.schedules import Schedule
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.timeline import Timeline, run
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.timings import Timing
from evenly.train.pipeline.timings.flops import Flops
from evenly.train.pipeline.work import Shape, Work, layers, levelled

MOST_PASSES = 2_000_000  # a GB


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineScenario(Scenario):
    """Compute one training step of a transformer whose layers are dealt to the stages of a pipeline."""

    kind: ClassVar[str] = "pipeline"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "schedule": ("one-f-one-b", "interleaved", "zb-h1", "zb-v", "v-half", "v-min"),
        "placement": ("ends", "redistributed", "interlaced", "two-barriers", "one-barrier"),
    }

    devices: int = 8
    "Devices of the pipeline."
    schedule: Schedule = field(default_factory=OneFOneB)
    "In which order each device computes its passes."
    placement: Placement = "ends"
    "Where the vocabulary lies: on the ends, there with layers moved away, or on all devices, which meet in three ways."
    shards: Literal["even", "level"] = "even"
    "Whether a sharded vocabulary is dealt alike, or more of it to devices with fewer layers."
    timing: Timing = field(default_factory=Flops)
    "How long passes take."
    layers: int = 32
    "Transformer layers."
    hidden: int = 3072
    "Width of the model."
    sequence: int = 2048
    "Tokens of a sequence."
    vocabulary: int = 256_000
    "Rows of the tables of the input and the output layer."
    micro_batches: int = 128
    "Micro-batches of a step."
    micro_batch: int = 1
    "Sequences of a micro-batch."
    device: str = "a100-80gb"
    "Name of an accelerator."

    @property
    def shape(self) -> Shape:
        """Return the shapes of the model and a micro-batch."""
        return Shape(self.layers, self.hidden, self.sequence, self.vocabulary, self.micro_batch)

    def check(self) -> "PipelineScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        device(self.device)
        for name in ("devices", "layers", "hidden", "sequence", "vocabulary", "micro_batches", "micro_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        stages = len(self.schedule.homes(self.devices))
        if stages > self.layers:
            raise ValueError(f"{stages} stages need as many layers, not {self.layers}")
        if 8 * stages * self.micro_batches > MOST_PASSES:
            raise ValueError(
                f"{stages} stages and {self.micro_batches:,} micro-batches make more than {MOST_PASSES:,} passes"
            )
        if self.shards == "level" and not BARRIERS[self.placement]:
            raise ValueError(f"shards 'level' needs a sharded vocabulary, not placement '{self.placement}'")
        if BARRIERS[self.placement] and self.placement not in self.schedule.sharded:
            known = ", ".join(("ends", "redistributed", *self.schedule.sharded))
            raise ValueError(f"placement '{self.placement}' is not one of the schedule's: {known}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate one step; return its time, bubbles, memory, and every pass of every device."""
        self.check()
        work = self.work()
        return outcome(self, work, self.timeline(work))

    def work(self) -> Work:
        """Return what the stages compute."""
        home = self.schedule.homes(self.devices)
        dealt = layers(self.shape, len(home), self.placement)
        even = np.full(self.devices, 1.0 / self.devices)
        work = Work(self.shape, home, dealt, self.placement, even, self.device)
        return levelled(work, self.timing.times(work)) if self.shards == "level" else work

    def timeline(self, work: Work) -> Timeline:
        """Return when every pass begins and ends."""
        times = self.timing.times(work)
        return run(self.order(times), times)

    def order(self, times: Times) -> Order:
        """Return the passes of every device in their order, as a schedule makes them for these times."""
        return self.schedule.order(Job(self.devices, self.micro_batches, self.placement, times))
