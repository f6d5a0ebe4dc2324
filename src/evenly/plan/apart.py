"""Plans in which some devices compute prompts and the others decode."""

from dataclasses import replace

import numpy as np

from evenly.core import Trace
from evenly.hardware.model import model
from evenly.plan.fitting import fitting, longest
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.plan.space import layouts

PARTS = 8  # of a cluster: what the prompts get is so many parts of it, or single devices if it has no more
LEADERS = 3  # layouts of the prompts that are kept for each number of devices


def apart(base: PlanScenario, devices: int, trace: Trace) -> list[PlanScenario]:
    """Return plans of prompts and decodes apart, each side cut in its own way, without copies of single cells.

    For each number of devices that the prompts may have, their three fastest layouts are kept, which nothing that the
    other side does can change, and each is tried with every layout of the others.
    """
    plans = []
    for count in shares(devices):
        sides = _plain(base, count), _plain(base, devices - count)
        first, _ = fitting(base, sides[0], int(trace.prompt.max()) + 1)
        then, _ = fitting(base, sides[1], longest(trace))
        if then:
            plans += [replace(base.with_layout(d), prompts=p) for p in _fastest(base, first, trace) for d in then]
    return plans


def shares(devices: int) -> list[int]:
    """Return the numbers of devices that the prompts may have.

    >>> shares(4), shares(16)
    ([1, 2, 3], [2, 4, 6, 8, 10, 12, 14])
    """
    return sorted({max(1, devices * part // PARTS) for part in range(1, PARTS)} - {devices})


def _plain(base: PlanScenario, devices: int) -> list[Layout]:
    """Return the layouts without copies of single cells."""
    return [one for one in layouts(model(base.model), devices, base.node) if one.attention == one.network == 1]


def _fastest(base: PlanScenario, found: list[Layout], trace: Trace) -> list[Layout]:
    """Return the layouts that give first tokens soonest in the mean, where they have nothing else to do."""
    if len(found) <= LEADERS:
        return found
    alone = replace(trace, output=np.ones_like(trace.output))
    runs = {layout: base.with_layout(layout).simulate(trace=alone).requests for layout in found}
    return sorted(found, key=lambda layout: float(np.nanmean(runs[layout]["first_token"])))[:LEADERS]
