"""One threshold, low priority."""

import math
from dataclasses import dataclass

from evenly.cluster.row.caps._one_threshold import OneThreshold


@dataclass(frozen=True, slots=True)
class OneLow(OneThreshold):
    """Lower the clock of the servers of low priority above one threshold.

    Spares high priority, and has nothing left where low priority alone cannot save enough.

    Reference: a baseline of Patel et al., "Characterizing power management opportunities for LLMs in the cloud", 2024.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return two levels."""
        return ((math.inf, math.inf), (math.inf, self.clock))
