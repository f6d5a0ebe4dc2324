"""One forward, one backward over several stages a device."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import BACKWARD, FORWARD, Order, Pass
from evenly.train.pipeline.schedules import line


@dataclass(frozen=True, slots=True)
class Interleaved:
    """1F1B over `chunks` stages a device, which a micro-batch visits round by round.

    The bubble is that of 1F1B over the chunks, (p - 1)(F + B) / chunks; more micro-batches are held than with 1F1B.

    Reference: D. Narayanan et al., "Efficient large-scale language model training on GPU clusters", 2021.
    """

    sharded: ClassVar[tuple[str, ...]] = ()
    chunks: int = 2
    "Stages of a device."

    def __post_init__(self) -> None:
        if self.chunks < 1:
            raise ValueError(f"chunks is at least 1, not {self.chunks}")

    def homes(self, devices: int) -> Ints:
        """Return stages that go round the devices."""
        return line(devices, self.chunks)

    def order(self, job: Job) -> Order:
        """Return the order; raise `ValueError` unless the devices divide the micro-batches."""
        p, count = job.devices, job.micro * self.chunks
        if job.micro % p:
            raise ValueError(f"interleaved needs micro-batches in multiples of the {p} devices, not {job.micro}")
        lists = []
        for device in range(p):
            warm = min(count, 2 * (p - device - 1) + (self.chunks - 1) * p)
            passes = [self._step(FORWARD, p, device, k) for k in range(warm)]
            for k in range(count - warm):
                passes += [self._step(FORWARD, p, device, warm + k), self._step(BACKWARD, p, device, k)]
            passes += [self._step(BACKWARD, p, device, k) for k in range(count - warm, count)]
            lists.append(passes)
        return Order.of(self.homes(p), job.micro, 0, lists)

    def _step(self, kind: int, p: int, device: int, k: int) -> Pass:
        """Return the k-th forward or backward pass of a device."""
        chunk, batch = k % (p * self.chunks) // p, k // (p * self.chunks) * p + k % p
        if kind == BACKWARD:
            chunk = self.chunks - 1 - chunk
        return kind, chunk * p + device, batch
