"""What prices that were learned on the way lost against the best ones that stay.

A step with prices p costs D(p) over its tokens: what the relaxed assignment promises too much. See `lagrangian`.
"""

import numpy as np

from evenly.core import Floats
from evenly.train.experts.lagrangian import dual
from evenly.train.experts.routing import routed

SLOPE = 1e-5  # share of the tokens by which loads may be off at fixed prices: D is then right within some 1e-9


def fixed_prices(scores: Floats, active: int, begin: Floats | None = None) -> Floats:
    """Return the prices with the least D for all tokens, shape [token, expert], with mean 0; `begin` is a guess."""
    from scipy.optimize import minimize

    tokens, experts = scores.shape
    target = active / experts

    def cost(prices: Floats) -> tuple[float, Floats]:
        counts, total = routed(scores, prices, active)
        slope = counts / tokens - target
        return total / tokens + float(slope @ prices), slope

    start = np.zeros(experts) if begin is None else begin
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"ftol": 0.0, "gtol": max(SLOPE, 0.1 / tokens)})
    return np.asarray(found.x - found.x.mean())


def regret(scores: Floats, prices: Floats, active: int, fixed: Floats) -> float:
    """Return the sum over steps of D(prices of the step) less D(fixed prices), each over the tokens of a step.

    `scores` has shape [step, token, expert], `prices` [step, expert].

    One step of two tokens: without prices D is 0.9 + 0.8; at prices -0.1 and 0.1, whose sum is 0, it is 0.8 + 0.8. So a
    token lost 0.05.

    >>> scores = np.array([[[0.9, 0.5], [0.8, 0.7]]])
    >>> round(regret(scores, np.zeros((1, 2)), 1, fixed=np.array([-0.1, 0.1])), 9)
    0.05
    """
    steps, tokens, experts = scores.shape
    paid = float(sum(dual(scores[n], prices[n], active) for n in range(steps)))
    least = dual(scores.reshape(steps * tokens, experts), fixed, active)
    return float((paid - least) / tokens)
