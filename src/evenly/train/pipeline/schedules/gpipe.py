"""All forward passes, then all backward passes."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import BACKWARD, FORWARD, Order
from evenly.train.pipeline.schedules import line


@dataclass(frozen=True, slots=True)
class Gpipe:
    """All forward passes, then all backward passes.

    The bubble is that of 1F1B, (p - 1)(F + B), but every micro-batch is held until its backward pass.

    Reference: Y. Huang et al., "GPipe: efficient training of giant neural networks using pipeline parallelism", 2019.
    """

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        """Return one stage a device."""
        return line(devices)

    def order(self, job: Job) -> Order:
        """Return the same list for every device."""
        lists = [
            [(kind, device, batch) for kind in (FORWARD, BACKWARD) for batch in range(job.micro)]
            for device in range(job.devices)
        ]
        return Order.of(self.homes(job.devices), job.micro, 0, lists)
