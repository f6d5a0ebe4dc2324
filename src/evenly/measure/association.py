"""Whether two properties go together."""

import numpy as np

from evenly.core import Array, Floats


def ranks(values: Array) -> Floats:
    """Return the rank of each value from 1; equal values share the mean of their ranks.

    >>> ranks(np.array([10, 30, 10, 20]))
    array([1.5, 4. , 1.5, 3. ])
    """
    _, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[code], np.float64)


def spearman(one: Array, other: Array) -> float:
    """Return the rank correlation of two columns, -1 to 1: 1 if they always rise together; NaN if one never changes.

    Raises `ValueError` for columns of different length.

    Reference: C. Spearman, "The proof and measurement of association between two things", 1904.

    >>> spearman(np.array([1, 2, 3]), np.array([10, 100, 1000])), spearman(np.array([1, 2]), np.array([5, 4]))
    (1.0, -1.0)
    """
    if len(one) != len(other):
        raise ValueError(f"columns of {len(one)} and {len(other)} rows cannot be compared")
    if len(one) < 2:
        return float("nan")
    first, second = (column - column.mean() for column in (ranks(one), ranks(other)))
    spread = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float(np.clip((first * second).sum() / spread, -1.0, 1.0)) if spread > 0 else float("nan")
