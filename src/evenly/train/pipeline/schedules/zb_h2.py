"""Zero bubble with twice the memory of 1F1B."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.greedy import Dispatcher
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.schedules import line


@dataclass(frozen=True, slots=True)
class ZbH2:
    """Zero bubble with twice the memory of 1F1B: more forward passes fill the wait for the first gradient.

    Backward passes are split. The bubble is (p - 1)(F + I - 2W), nothing where all are alike; a device holds up to
    2p - 1 micro-batches.

    Reference: P. Qi, X. Wan, G. Huang and M. Lin, "Zero bubble pipeline parallelism", 2024; here by a greedy
    dispatcher.
    """

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        """Return one stage a device."""
        return line(devices)

    def order(self, job: Job) -> Order:
        """Return what a dispatcher does that looks at the mean times of each stage."""
        return Dispatcher(self.homes(job.devices), job, 2 * job.devices - 1).order()
