"""Impact."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Impact:
    """What shortens a layer to come most is brought first, whichever of the next three.

    The gain is that of the scheduler itself, with the layer as its gates predict it.

    Reference: Zhong et al., "HybriMoE: Hybrid CPU-GPU Scheduling and Cache Management for Efficient MoE Inference",
    2025, https://arxiv.org/abs/2504.05897.
    """

    reach: ClassVar[int] = 3
    patient: ClassVar[bool] = False

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        """Return the gain."""
        return gain
