"""Forward and backward passes side by side over a V of two stages a device."""

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import BACKWARD, FORWARD, INPUT, WEIGHT, Order, Pass
from evenly.train.pipeline.schedules import vee


@dataclass(frozen=True, slots=True)
class DualPipeV:
    """Pairs of a forward and a backward pass over a V of two stages a device, whose exchanges can hide each other.

    The passes of a pair run here one after the other. Needs twice as many micro-batches as devices.

    Reference: DeepSeek-AI, "DualPipe", github.com/deepseek-ai/DualPipe, 2025, `dualpipev.py`.
    """

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        """Return two stages a device, down and up again."""
        return vee(devices)

    def order(self, job: Job) -> Order:
        """Return the published eight steps; raise `ValueError` for too few micro-batches."""
        if job.micro < 2 * job.devices:
            raise ValueError(f"dual-pipe-v needs at least {2 * job.devices} micro-batches, not {job.micro}")
        lists = [_Device(device, job.devices).steps(job.micro) for device in range(job.devices)]
        return Order.of(self.homes(job.devices), job.micro, 0, lists)


class _Device:
    """Writes down the passes of one device, chunk 0 on the way down and chunk 1 on the way up."""

    def __init__(self, device: int, devices: int) -> None:
        self.device, self.devices = device, devices
        self.stage = (device, 2 * devices - 1 - device)
        self.forwards, self.backwards = [0, 0], [0, 0]
        self.late: deque[Pass] = deque()
        self.passes: list[Pass] = []

    def steps(self, micro: int) -> list[Pass]:
        """Return all passes."""
        mine, rest = self.device + 1, self.devices - self.device - 1
        self._often(2 * rest, "F0")
        self._often(mine, "F0 F1")
        self._often(rest, "I1 W F1")
        self._often(micro - 2 * self.devices + mine, "F0 B1 F1 B0")
        self._often(rest, "B1 F1 B0")
        for k in range(mine):
            half, odd = mine // 2, self.device % 2
            self._often(1, "I1" if k > half or (k == half and odd) else "B1")
            self._often(1, "I0" if k >= half else "B0")
        self._often(rest, "W I0")
        self._often(mine, "W")
        return self.passes

    def _often(self, times: int, what: str) -> None:
        for word in what.split() * times:
            if word == "W":
                self.passes.append(self.late.popleft())
                continue
            chunk = int(word[1])
            counts = self.forwards if word[0] == "F" else self.backwards
            kind = {"F": FORWARD, "B": BACKWARD, "I": INPUT}[word[0]]
            self.passes.append((kind, self.stage[chunk], counts[chunk]))
            if kind == INPUT:
                self.late.append((WEIGHT, self.stage[chunk], counts[chunk]))
            counts[chunk] += 1
