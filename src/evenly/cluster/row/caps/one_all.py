"""One threshold, all servers."""

import math
from dataclasses import dataclass

from evenly.cluster.row.caps._one_threshold import OneThreshold


@dataclass(frozen=True, slots=True)
class OneAll(OneThreshold):
    """Lower the clock of all servers above one threshold.

    Saves most at once, and slows high priority each time.

    Reference: a baseline of Patel et al., "Characterizing power management opportunities for LLMs in the cloud", 2024.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return two levels."""
        return ((math.inf, math.inf), (self.clock, self.clock))
