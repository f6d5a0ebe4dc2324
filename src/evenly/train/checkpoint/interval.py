"""How often to save."""

import math

from evenly.train.checkpoint.savers import Saver
from evenly.train.checkpoint.timeline import Machine, timeline

LONG = 1_000_000  # steps apart, two checkpoints do not meet


def young_daly(stall: float, mtbf: float) -> float:
    """Return the seconds between checkpoints at which waiting and lost work cost least together.

    It is short of the mean time between failures by far, or this does not hold.

    Reference: J. W. Young, "A first order approximation to the optimum checkpoint interval", 1974; J. T. Daly, 2006.

    >>> young_daly(2.0, 3600.0)
    120.0
    """
    return math.sqrt(2.0 * stall * mtbf)


def interval_of(machine: Machine, saver: Saver, mtbf: float, steps: int) -> int:
    """Return the steps between checkpoints by Young and Daly, but no fewer than storage keeps up with.

    Without failures it is all the steps of the run: one checkpoint at its end.
    """
    if math.isinf(mtbf):
        return steps
    stall = float(timeline(machine, saver, LONG, 1).stall[-1])
    least = machine.state / machine.storage / machine.step
    best = young_daly(stall, mtbf) / machine.step
    return min(steps, max(1, math.ceil(least - 1e-9), round(best)))
