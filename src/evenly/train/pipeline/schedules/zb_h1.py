"""Zero bubble with the memory of 1F1B."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import FORWARD, INPUT, WEIGHT, Order, Pass
from evenly.train.pipeline.schedules import line


@dataclass(frozen=True, slots=True)
class ZbH1:
    """1F1B with split backward passes: the gradient of the weights lags behind, by one micro-batch a stage.

    The bubble is (p - 1)(F + I - W), for gradients of inputs I and of weights W; no device holds more than p
    micro-batches.

    Reference: P. Qi, X. Wan, G. Huang and M. Lin, "Zero bubble pipeline parallelism", 2024.
    """

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        """Return one stage a device."""
        return line(devices)

    def order(self, job: Job) -> Order:
        """Return the order of 1F1B; stage s keeps s gradients of weights for the waits at the end."""
        lists = [self._passes(stage, job.devices, job.micro) for stage in range(job.devices)]
        return Order.of(self.homes(job.devices), job.micro, 0, lists)

    def _passes(self, stage: int, devices: int, micro: int) -> list[Pass]:
        warm = min(devices - stage - 1, micro)
        passes: list[Pass] = [(FORWARD, stage, batch) for batch in range(warm)]
        for batch in range(micro):
            if warm + batch < micro:
                passes.append((FORWARD, stage, warm + batch))
            passes.append((INPUT, stage, batch))
            if batch >= stage:
                passes.append((WEIGHT, stage, batch - stage))
        return passes + [(WEIGHT, stage, batch) for batch in range(max(0, micro - stage), micro)]
