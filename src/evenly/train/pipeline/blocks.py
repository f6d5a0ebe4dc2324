"""Orders from a building block: when one micro-batch visits each pass; all others do the same some intervals later."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Ints
from evenly.train.pipeline.passes import EMBED, GRADIENT, SCATTER, SOFTMAX, Order

EARLIER = 1e-6  # of an interval: what must not come before the pass that ends at the same time


@dataclass(slots=True)
class Block:
    """The passes of micro-batch 0 and when they begin, in any unit of time."""

    interval: float
    "From one micro-batch to the next."
    passes: list[tuple[float, int, int, int]] = field(default_factory=list)
    "Begin, device, kind, stage."

    def add(self, begin: float, device: int, kind: int, stage: int) -> None:
        """Note a pass."""
        self.passes.append((begin, device, kind, stage))

    def shard(self, devices: int, softmax: float, back: float) -> None:
        """Note the passes of a sharded vocabulary.

        The output layer begins at `softmax` on every device, its second pass an interval later. The input layer runs
        one interval ahead of the first forward pass, and one interval after `back`, the end of the last backward pass.
        """
        near = EARLIER * self.interval
        for device in range(devices):
            self.add(softmax + near, device, SOFTMAX, device)
            self.add(softmax + self.interval + 2 * near, device, GRADIENT, device)
            self.add(-self.interval - near, device, EMBED, device)
            self.add(back + self.interval + 3 * near, device, SCATTER, device)

    def order(self, home: Ints, micro: int, barriers: int) -> Order:
        """Return the passes of all micro-batches, on each device in the order of their begin."""
        begin, device, kind, stage = (np.array(column) for column in zip(*self.passes, strict=True))
        batch = np.repeat(np.arange(micro), len(begin))
        device, kind, stage = (np.tile(column, micro) for column in (device, kind, stage))
        when = np.tile(begin, micro) + batch * self.interval
        sort = np.lexsort((np.round(when / (EARLIER * self.interval / 4)), device))
        return Order(home, micro, barriers, kind[sort], stage[sort], batch[sort], device[sort])
