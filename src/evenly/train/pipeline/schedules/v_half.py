"""A V of two stages a device with about half the activations of 1F1B."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.schedules import vee
from evenly.train.pipeline.vee import block


@dataclass(frozen=True, slots=True)
class VHalf:
    """A V of two stages a device with about half the activations of 1F1B, as much on every device.

    First and last stage are on device 0. The block is made for passes that take alike.

    Reference: P. Qi, X. Wan, N. Amar and M. Lin, "Pipeline parallelism with controllable memory", 2024.
    """

    sharded: ClassVar[tuple[str, ...]] = ("two-barriers", "one-barrier")

    def homes(self, devices: int) -> Ints:
        """Return two stages a device, down and up again."""
        return vee(devices)

    def order(self, job: Job) -> Order:
        """Return the order of the building block."""
        p = job.devices
        e = 3 if p % 2 == 0 else 0
        begins = [(2 * i, 3 * p - i - 2, 3 * p + e + 2 * i - 1, 6 * p + e - i - 2) for i in range(p)]
        return block(job, begins).order(self.homes(p), job.micro, job.barriers)
