"""Hybrid."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class Hybrid:
    """CPU, device and link each take their next expert; of the three, what ends first is done.

    The CPU takes the lightest expert that is not on the device, and if there is none the lightest that is; the device
    the heaviest that is there, or the next to arrive; the link the heaviest that is not. Within a few percent of the
    optimum on the average, within a quarter at worst.

    Reference: Zhong et al., "HybriMoE: Hybrid CPU-GPU Scheduling and Cache Management for Efficient MoE Inference",
    2025, https://arxiv.org/abs/2504.05897.

    >>> plan = np.empty((3, 5))
    >>> loads, there = np.array([1, 1, 1]), np.array([0.0, np.inf, np.inf])
    >>> float(Hybrid.assign(loads, there, 0.0, np.array([3.0, 1.0, 0.0, 4.0]), plan))
    4.0
    >>> plan[:, 0]
    array([1., 1., 0.])
    """

    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        """Repeat the action that ends first until every expert is computed."""
        cpu, device, left = 0.0, 0.0, 0
        for e in range(len(loads)):
            plan[e, 0], plan[e, 1], plan[e, 2], plan[e, 3], plan[e, 4] = -1.0, np.nan, np.nan, np.nan, ready[e]
            left += loads[e] > 0
        while left > 0:
            light, heavy, spare, soon = -1, -1, -1, -1
            for e in range(len(loads)):
                if loads[e] == 0 or plan[e, 0] >= 0.0:
                    continue
                if plan[e, 4] == np.inf:
                    light = e if light < 0 or loads[e] < loads[light] else light
                    heavy = e if heavy < 0 or loads[e] > loads[heavy] else heavy
                    continue
                spare = e if spare < 0 or loads[e] < loads[spare] else spare
                if soon >= 0:
                    apart = max(device, plan[e, 4]) - max(device, plan[soon, 4])
                    if apart > 0.0 or (apart == 0.0 and loads[e] <= loads[soon]):
                        continue
                soon = e
            mine = light if light >= 0 else spare
            on_cpu = cpu + (costs[2] if cpu == 0.0 else 0.0) + costs[3] * loads[mine]
            on_device = max(device, plan[soon, 4]) + costs[1] if soon >= 0 else np.inf
            moved = link + costs[0] if heavy >= 0 else np.inf
            if on_device <= min(on_cpu, moved):
                plan[soon, 0], plan[soon, 1], plan[soon, 2] = 1.0, on_device - costs[1], on_device
                device = on_device
                left -= 1
            elif on_cpu <= moved:
                plan[mine, 0], plan[mine, 1], plan[mine, 2] = 0.0, cpu, on_cpu
                cpu = on_cpu
                left -= 1
            else:
                plan[heavy, 3], plan[heavy, 4] = link, moved
                link = moved
        return max(cpu, device)
