"""Zero bubble over a V of two stages a device."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.greedy import Dispatcher
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.schedules import vee


@dataclass(frozen=True, slots=True)
class ZbV:
    """Zero bubble over a V: a micro-batch goes down the devices and up again, backward passes are split.

    Next to no bubble where F, I and W are alike, with the memory of 1F1B: 2p halves of a micro-batch.

    Reference: P. Qi, X. Wan, G. Huang and M. Lin, "Zero bubble pipeline parallelism", 2024; here by a greedy
    dispatcher.
    """

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        """Return two stages a device, down and up again."""
        return vee(devices)

    def order(self, job: Job) -> Order:
        """Return what a dispatcher does that looks at the mean times of each stage."""
        return Dispatcher(self.homes(job.devices), job, 2 * job.devices).order()
