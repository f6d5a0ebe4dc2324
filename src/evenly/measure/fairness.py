"""How evenly users, tenants or workers are served."""

import numpy as np

from evenly.core import Floats


def jain(values: Floats) -> float:
    """Return Jain's index: 1 if all get the same, `1/n` if one of `n` gets everything.

    The square of the sum over `n` times the sum of squares. NaN if nobody gets anything.

    Raises `ValueError` for negative values and NaN.

    Reference: R. Jain, D. Chiu, W. Hawe, "A quantitative measure of fairness and discrimination for resource
    allocation in shared computer systems", 1984.

    >>> jain(np.array([2.0, 2.0])), jain(np.array([4.0, 0.0, 0.0, 0.0])), round(jain(np.array([1.0, 3.0])), 9)
    (1.0, 0.25, 0.8)
    """
    got = _checked(values)
    peak = float(got.max()) if len(got) else 0.0
    if peak == 0:
        return float("nan")
    got = got / peak  # squares of large or tiny values would leave the range of floats; BLAS would sum by threads
    return float(got.sum()) ** 2 / (len(got) * float((got * got).sum()))


def max_min(demands: Floats, capacity: float, weights: Floats | None = None) -> Floats:
    """Return the max-min fair shares of a capacity: nobody gets more than asked for, and who gets less gets most.

    With `weights` it is who gets less that gets most for their weight; those of weight 0 share what others leave.

    >>> max_min(np.array([1.0, 5.0, 9.0]), 9.0), max_min(np.array([9.0, 9.0]), 9.0, np.array([2.0, 1.0]))
    (array([1., 4., 4.]), array([6., 3.]))
    """
    asked = _checked(demands)
    heavy = np.ones(len(asked)) if weights is None else _checked(weights)
    first = heavy > 0
    if not first.all():
        shares = np.empty(len(asked))
        shares[first] = max_min(asked[first], capacity, heavy[first])
        shares[~first] = max_min(asked[~first], max(capacity - float(shares[first].sum()), 0.0))
        return shares
    order = np.argsort(asked / heavy)
    rising, weight = asked[order], heavy[order]
    before = np.concatenate(([0.0], np.cumsum(rising)[:-1]))  # of those who ask for less
    level = (capacity - before) / np.cumsum(weight[::-1])[::-1]
    capped = np.flatnonzero(rising > level * weight)
    return np.minimum(asked, level[capped[0]] * heavy) if len(capped) else asked


def max_min_ratio(values: Floats) -> float:
    """Return the largest value over the smallest: 1 is even, infinite if somebody gets nothing.

    NaN if nobody gets anything. Raises `ValueError` for negative values and NaN.

    >>> max_min_ratio(np.array([2.0, 3.0, 6.0])), max_min_ratio(np.array([0.0, 1.0]))
    (3.0, inf)
    """
    got = _checked(values)
    high = float(got.max()) if len(got) else 0.0
    low = float(got.min()) if len(got) else 0.0
    if high == 0:
        return float("nan")
    return high / low if low > 0 else float("inf")


def _checked(values: Floats) -> Floats:
    got = np.asarray(values, np.float64).ravel()
    if len(got) and not (got.min() >= 0 and np.isfinite(got.max())):
        raise ValueError("fairness is defined for finite values of at least 0")
    return got
