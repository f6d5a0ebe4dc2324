"""Adaptive."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Adaptive:
    """The next layer's missing experts come first, the likeliest before others, then those of the layer after.

    Reference: Zhong et al., "AdapMoE: Adaptive Sensitivity-based Expert Gating and Management for Efficient MoE
    Inference", 2024, https://arxiv.org/abs/2408.10284.
    """

    reach: ClassVar[int] = 3
    patient: ClassVar[bool] = False

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        """Return the score, less by one a layer on; a probability is at most 1."""
        return 4.0 - ahead + score
