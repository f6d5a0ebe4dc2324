"""One forward, one backward."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.blocks import EARLIER, Block
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import BACKWARD, EMBED, FORWARD, GRADIENT, SCATTER, SOFTMAX, Order
from evenly.train.pipeline.schedules import line


@dataclass(frozen=True, slots=True)
class OneFOneB:
    """Forward passes until the first gradient comes, then one backward and one forward pass in turn.

    With p devices and equal stages a bubble of (p - 1)(F + B), and stage s holds p - s micro-batches. A vocabulary
    sharded over all devices puts as many intervals between the last forward and the last backward pass as its output
    layer has barriers, and every interval costs one more micro-batch.

    Reference: D. Narayanan et al., "PipeDream", 2019; M. T. Yeung, P. Qi, M. Lin and X. Wan, "Balancing pipeline
    parallelism with vocabulary parallelism", 2024, for the vocabulary; Z. Lin et al., "nnScaler", 2024, for
    `interlaced`.
    """

    sharded: ClassVar[tuple[str, ...]] = ("interlaced", "two-barriers", "one-barrier")

    def homes(self, devices: int) -> Ints:
        """Return one stage a device."""
        return line(devices)

    def order(self, job: Job) -> Order:
        """Return the order of the building block for the mean times of all stages."""
        block = _interlaced(job.devices) if job.placement == "interlaced" else _stretched(job)
        return block.order(self.homes(job.devices), job.micro, job.barriers)


def _stretched(job: Job) -> Block:
    """Return a block whose hops are stretched, so that the passes of an interval tile it, the vocabulary's included."""
    p = job.devices
    f, b, v = job.times.means()
    if job.barriers == 0 or f + b == 0:
        f, b, v = (f or 1.0), (b or 1.0), 0.0
    block = Block(f + b + v)
    stretch = block.interval / (f + b)
    turn = p * f * stretch
    for device in range(p):
        block.add(device * f * stretch, device, FORWARD, device)
        back = turn + job.barriers * block.interval + (p - 1 - device) * b * stretch
        block.add(back, device, BACKWARD, device)
    if job.barriers:
        block.shard(p, turn, turn + job.barriers * block.interval + p * b * stretch)
    return block


def _interlaced(p: int) -> Block:
    """Return a block whose output layer all devices compute at once, each waiting for all others.

    An interval is a forward, a backward and an output pass. Even devices compute forward first, odd ones backward, so
    that a micro-batch passes two devices an interval on its way down and one on its way up.
    """
    block, turn = Block(1.0), (p - 1) // 2
    for device in range(p):
        odd = device % 2
        block.add(device // 2 + (0.3 if odd else 0.0), device, FORWARD, device)
        block.add(turn + p - device + (0.0 if odd else 0.3), device, BACKWARD, device)
        block.add(turn + 0.6, device, SOFTMAX, device)
        block.add(turn + 0.6 + EARLIER, device, GRADIENT, device)
        block.add(-0.2, device, EMBED, device)
        block.add(turn + p + 0.8, device, SCATTER, device)
    return block
