"""Quantiles of values with weights."""

import numpy as np

from evenly.core import Floats

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"Shares that descriptions of a distribution show."


def quantiles(values: Floats, shares: Floats, weights: Floats | None = None) -> Floats:
    """Return the smallest values that at least `shares` of the weight does not exceed; NaN if there is no weight.

    Without weights this is linear interpolation, as numpy and vLLM's benchmark do it.

    Raises `ValueError` for shares outside 0 to 1 and for negative weights.

    >>> quantiles(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5]))
    array([2.5])
    >>> quantiles(np.array([1.0, 9.0]), np.array([0.5, 0.95]), weights=np.array([9.0, 1.0]))
    array([1., 9.])
    """
    asked = np.asarray(shares, np.float64)
    if np.any((asked < 0) | (asked > 1)):
        raise ValueError(f"shares lie between 0 and 1, not {asked}")
    if weights is None:
        return np.quantile(values, asked) if len(values) else np.full(len(asked), np.nan)
    if np.any(np.asarray(weights) < 0):
        raise ValueError("weights are at least 0")
    order = np.argsort(values, kind="stable")
    total = np.cumsum(np.asarray(weights, np.float64)[order])
    if len(total) == 0 or total[-1] == 0:
        return np.full(len(asked), np.nan)
    place = np.searchsorted(total, asked * total[-1] * (1 - 1e-12))
    return np.asarray(np.asarray(values, np.float64)[order][np.minimum(place, len(total) - 1)])
