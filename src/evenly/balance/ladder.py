"""A ladder of thresholds with hysteresis: the controller that all caps with thresholds share."""

from evenly.core import Floats


def climb(now: float, p: float, level: int, moving: int, memory: Floats) -> int:
    """Return the rung to stand on: `memory` holds the band, then the threshold of each rung, not decreasing.

    Every rung whose threshold lies more than the band above the signal is left. Else the highest rung whose threshold
    the signal exceeds is taken; of rungs with one threshold the first, and the next once that is reached.

    >>> import numpy as np
    >>> ladder = np.array([0.05, 0.80, 0.89, 0.89])
    >>> [climb(0.0, p, level, -1, ladder) for level, p in ((0, 0.85), (0, 0.95), (2, 0.95), (3, 0.86), (3, 0.83))]
    [1, 2, 3, 3, 1]
    """
    rung = level
    while rung > 0 and p < memory[rung] - memory[0]:
        rung -= 1
    if rung < level:
        return rung
    while rung + 1 < len(memory) and p > memory[rung + 1] and (rung == level or memory[rung + 1] > memory[rung]):
        rung += 1
    return rung
