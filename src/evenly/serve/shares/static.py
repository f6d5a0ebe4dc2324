"""Shares that stay."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Static:
    """Give prompts and decodes the same shares of the device all the time.

    Together more than 100 means that they compete while both are on the device; 100 and 100 leaves all to the hardware.
    A lane that is alone never gets more than its own share.

    Reference: Hong et al., "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and unified
    storage", 2025; its public code runs with 80 and 100.

    >>> import numpy as np
    >>> Static(80.0, 40.0).split(100.0, 100.0, np.zeros(0), np.zeros(0), (1.0, 0.1), np.zeros(0))
    (80.0, 40.0)
    """

    window: ClassVar[int] = 0

    prefill: float = 100.0
    "Percent of the device for prompts."
    decode: float = 100.0
    "Percent of the device for decodes."

    def __post_init__(self) -> None:
        for name in ("prefill", "decode"):
            if not 0 < getattr(self, name) <= 100:
                raise ValueError(f"{name} is a share above 0 and at most 100 percent, not {getattr(self, name)}")

    def split(
        self, x: float, y: float, ttft: Floats, tpot: Floats, limits: tuple[float, float], memory: Floats
    ) -> tuple[float, float]:
        """Return the two shares."""
        return self.prefill, self.decode
