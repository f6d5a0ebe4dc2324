"""On demand."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class OnDemand:
    """The device computes everything; what is not there is moved, the heaviest first.

    Wins where the CPU is slow beside the link. With the prefetch `adaptive` this is pure offloading as in AdapMoE.

    Reference: Zhong et al., "AdapMoE: Adaptive Sensitivity-based Expert Gating and Management for Efficient MoE
    Inference", 2024, https://arxiv.org/abs/2408.10284; its gating, which changes outputs, is left out.

    >>> plan = np.empty((2, 5))
    >>> loads, there, costs = np.array([1, 3]), np.array([0.0, np.inf]), np.array([4.0, 1.0, 1.0, 2.0])
    >>> float(OnDemand.assign(loads, there, 0.0, costs, plan))
    5.0
    """

    @staticmethod
    def assign(loads: Ints, ready: Floats, link: float, costs: Floats, plan: Floats) -> float:
        """Move what is missing, and compute in order of arrival."""
        device = 0.0
        for e in range(len(loads)):
            plan[e, 0], plan[e, 1], plan[e, 2], plan[e, 3], plan[e, 4] = -1.0, np.nan, np.nan, np.nan, ready[e]
        while True:
            heavy = -1
            for e in range(len(loads)):
                if loads[e] > 0 and plan[e, 4] == np.inf and (heavy < 0 or loads[e] > loads[heavy]):
                    heavy = e
            if heavy < 0:
                break
            plan[heavy, 3], plan[heavy, 4] = link, link + costs[0]
            link += costs[0]
        while True:
            soon = -1
            for e in range(len(loads)):
                if loads[e] > 0 and plan[e, 0] < 0.0 and (soon < 0 or plan[e, 4] < plan[soon, 4]):
                    soon = e
            if soon < 0:
                return device
            plan[soon, 0], plan[soon, 1] = 1.0, max(device, plan[soon, 4])
            device = plan[soon, 1] + costs[1]
            plan[soon, 2] = device
