"""The best balanced assignment of a batch, by linear programming."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Floats

MOST_CELLS = 100_000  # tokens x experts: some ten seconds


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """What a linear program finds."""

    value: float
    "Sum of the scores of the assignment."
    prices: Floats
    "Of the experts, with mean 0."
    shares: Floats
    "Of each token and expert, 0 to 1, shape [token, expert]; whole where the mean load is."


def optimum(scores: Floats, active: int) -> Optimum:
    """Return the assignment with the highest sum of scores that gives every expert the same load.

    Raises `ValueError` for more than `MOST_CELLS` tokens times experts.

    >>> found = optimum(np.array([[0.9, 0.5], [0.8, 0.7]]), active=1)
    >>> round(found.value, 6), (found.shares > 0.5).tolist()
    (1.6, [[True, False], [False, True]])
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, identity, kron, vstack

    tokens, experts = scores.shape
    if scores.size > MOST_CELLS:
        raise ValueError(
            f"tokens times experts is at most {MOST_CELLS:,} for a linear program, not {tokens} x {experts}"
        )
    by_token = kron(identity(tokens), np.ones((1, experts)))
    by_expert = kron(np.ones((1, tokens)), identity(experts))
    sums = np.concatenate([np.full(tokens, active), np.full(experts, active * tokens / experts)])
    rows = csr_array(vstack([by_token, by_expert]))
    found: Any = linprog(  # type: ignore[call-overload] # its types know no sparse rows
        -scores.ravel(), A_eq=rows, b_eq=sums, bounds=(0.0, 1.0), method="highs"
    )
    if found.status != 0:
        raise ValueError(f"the linear program was not solved: {found.message}")
    prices = np.asarray(found.eqlin.marginals[tokens:])
    return Optimum(-float(found.fun), prices - prices.mean(), np.asarray(found.x).reshape(tokens, experts))
