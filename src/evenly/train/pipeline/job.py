"""What a schedule is made for."""

from dataclasses import dataclass
from typing import Literal

from evenly.train.pipeline.times import Times

Placement = Literal["ends", "redistributed", "interlaced", "two-barriers", "one-barrier"]
BARRIERS: dict[str, int] = {"ends": 0, "redistributed": 0, "interlaced": 2, "two-barriers": 2, "one-barrier": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Devices, micro-batches, where the vocabulary lies, and how long passes take."""

    devices: int
    micro: int
    placement: Placement
    times: Times

    @property
    def barriers(self) -> int:
        """Return the meetings of all devices between the last forward and the last backward pass."""
        return BARRIERS[self.placement]
