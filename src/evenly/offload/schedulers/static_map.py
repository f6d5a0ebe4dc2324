"""Static map."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class StaticMap:
    """What is on the device is computed there, all else on the CPU; nothing is moved.

    Wins where the link is slow beside the CPU. With the cache `fixed` this is the map of kTransformers, with
    `whole-layers` the split of llama.cpp.

    Reference: Chen et al., "KTransformers: Unleashing the Full Potential of CPU/GPU Hybrid Inference for MoE Models",
    2025.

    >>> plan = np.empty((2, 5))
    >>> loads, there, costs = np.array([1, 3]), np.array([0.0, np.inf]), np.array([1.0, 1.0, 1.0, 2.0])
    >>> float(StaticMap.assign(loads, there, 0.0, costs, plan))
    7.0
    """

    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        """Go by what is on the device, in order of arrival."""
        cpu, device = 0.0, 0.0
        for e in range(len(loads)):
            plan[e, 0], plan[e, 1], plan[e, 2], plan[e, 3], plan[e, 4] = -1.0, np.nan, np.nan, np.nan, ready[e]
        while True:
            soon = -1
            for e in range(len(loads)):
                if loads[e] > 0 and plan[e, 0] < 0.0 and (soon < 0 or ready[e] < ready[soon]):
                    soon = e
            if soon < 0:
                return max(cpu, device)
            if ready[soon] < np.inf:
                plan[soon, 0], plan[soon, 1] = 1.0, max(device, ready[soon])
                device = plan[soon, 1] + costs[1]
                plan[soon, 2] = device
            else:
                plan[soon, 0], plan[soon, 1] = 0.0, cpu
                cpu += (costs[2] if cpu == 0.0 else 0.0) + costs[3] * loads[soon]
                plan[soon, 2] = cpu
