"""What it takes to compute a context again, for policies that weigh it against memory."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evenly.core import Floats
from evenly.hardware.costs import Cost

POINTS = 64  # contexts that the quadratic is fitted to


def rebuild_terms(cost: Cost, tables: Floats, budget: int, longest: int) -> tuple[float, float, float]:
    """Return (a, b, c) of the quadratic in a context of n tokens that fits the seconds to compute it alone best.

    The context is computed in chunks of `budget` tokens, as a prompt on an idle replica is; the fit is by least
    squares over `POINTS` contexts up to `longest` tokens, which lie evenly.

    >>> from evenly.hardware.costs.linear import Linear
    >>> a, b, c = rebuild_terms(Linear(), np.array([0.0, 0.001]), budget=100, longest=1000)  # only tokens cost time
    >>> [round(abs(term), 9) for term in (a, b, c)]
    [0.0, 0.001, 0.0]
    """
    contexts = np.unique(np.linspace(1, longest, POINTS).astype(np.int64))
    whole = [0.0]  # seconds of the first chunks, all full
    for before in range(0, longest - budget + 1, budget):
        whole.append(whole[-1] + _chunk(cost, tables, budget, before))
    seconds = [
        whole[tokens // budget] + _chunk(cost, tables, tokens % budget, tokens - tokens % budget)
        for tokens in contexts.tolist()
    ]
    scale = float(longest)
    fit = np.polynomial.polynomial.polyfit(contexts / scale, seconds, min(2, len(contexts) - 1))
    c, b, a = (*fit.tolist(), 0.0, 0.0)[:3]
    return a / scale**2, b / scale, c


def cheaper(terms: tuple[float, float, float], copy: float, longest: int) -> tuple[float, float, float]:
    """Return the terms to bring a context back: by `copy` seconds a token where that is cheaper for the longest one.

    >>> cheaper((0.0, 1e-5, 0.0), 2e-6, longest=1000)
    (0.0, 2e-06, 0.0)
    """
    a, b, c = terms
    return (0.0, copy, 0.0) if copy * longest < (a * longest + b) * longest + c else terms


def _chunk(cost: Cost, tables: Floats, tokens: int, before: int) -> float:
    if tokens == 0:
        return 0.0
    return float(cost.seconds(np.array([tokens]), np.array([before]), 0, 0.0, 0, tables)[0])


def derived(policy: Any, known: Mapping[str, Any]) -> Any:
    """Return a policy whose fields that it names in `derives` are those of `known`, where they were left out."""
    missing = {name: known[name] for name in type(policy).derives if name in known and getattr(policy, name) is None}
    return replace(policy, **missing)
