"""Optimal."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Optimal:
    """The shortest plan there is, as long as nothing is on its way when the layer begins.

    An expert takes the device equally long whatever its tokens, so the device gets the heaviest: some number of those
    that are there, and some number of those that must be moved. All pairs of numbers are tried.

    >>> plan = np.empty((3, 5))
    >>> loads, there = np.array([1, 1, 1]), np.array([0.0, np.inf, np.inf])
    >>> float(Optimal.assign(loads, there, 0.0, np.array([3.0, 1.0, 0.0, 4.0]), plan))
    4.0
    """

    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        """Try every number of experts here and moved on the device, then write the best plan down."""
        order = np.argsort(-loads, kind="mergesort")
        plan[:, 0], plan[:, 4] = -1.0, ready
        plan[:, 1:4] = np.nan
        total, asked, here = loads.sum(), (loads > 0).sum(), ((loads > 0) & (ready < np.inf)).sum()
        best, keep, move = np.inf, 0, 0
        for stay in range(here + 1):
            rest, device, left = total, 0.0, stay
            for e in order:
                if loads[e] > 0 and ready[e] < np.inf and left > 0:
                    device, rest, left = max(device, ready[e]) + costs[1], rest - loads[e], left - 1
            for moved in range(asked - here + 1):
                cpu = costs[2] + costs[3] * rest if stay + moved < asked else 0.0
                if max(cpu, device) < best:
                    best, keep, move = max(cpu, device), stay, moved
                left = moved + 1
                for e in order:
                    left -= loads[e] > 0 and ready[e] == np.inf
                    if left == 0:
                        device, rest = max(device, link + (moved + 1) * costs[0]) + costs[1], rest - loads[e]
                        break
        cpu, device = 0.0, 0.0
        for moving in (False, True):
            for e in order:
                if loads[e] == 0 or (ready[e] == np.inf) != moving:
                    continue
                if (move if moving else keep) > 0:
                    keep, move = keep - (not moving), move - moving
                    if moving:
                        plan[e, 3], plan[e, 4] = link, link + costs[0]
                        link += costs[0]
                    plan[e, 0], plan[e, 1] = 1.0, max(device, plan[e, 4])
                    device = plan[e, 1] + costs[1]
                    plan[e, 2] = device
                else:
                    plan[e, 0], plan[e, 1] = 0.0, cpu
                    cpu += (costs[2] if cpu == 0.0 else 0.0) + costs[3] * loads[e]
                    plan[e, 2] = cpu
        return best
