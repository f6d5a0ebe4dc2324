"""How much of the work a few hold: Lorenz curve, Gini coefficient, share of the top."""

import numpy as np

from evenly.core import Floats


def gini(values: Floats) -> float:
    """Return the Gini coefficient: 0 if all hold the same, `1 - 1/n` if one of `n` holds everything.

    Half the mean absolute difference of two values, drawn with replacement, over the mean. NaN if there is nothing to
    hold.

    Raises `ValueError` for negative values and NaN.

    Reference: C. Gini, "Variabilità e mutabilità", 1912.

    >>> gini(np.array([1.0, 1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 8.0])), gini(np.array([1.0, 3.0]))
    (0.0, 0.75, 0.25)
    """
    held = _sorted(values)
    total = float(held.sum())
    if total == 0:
        return float("nan")
    count = len(held)
    rank = 2.0 * np.arange(count) - (count - 1)
    return float((rank * held).sum()) / (count * total)


def lorenz(values: Floats, points: int = 101) -> tuple[Floats, Floats]:
    """Return the Lorenz curve: what share of the work the lightest share of holders has, at `points` equal steps.

    The curve is linear between holders. NaN shares if there is nothing to hold.

    Raises `ValueError` for negative values, NaN and fewer than two points.

    Reference: M. O. Lorenz, "Methods of measuring the concentration of wealth", 1905.

    >>> lorenz(np.array([1.0, 3.0]), points=5)
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0.   , 0.125, 0.25 , 0.625, 1.   ]))
    """
    if points < 2:
        raise ValueError(f"a curve has at least 2 points, not {points}")
    holders = np.linspace(0.0, 1.0, points)
    return holders, _lorenz_at(_sorted(values), holders)


def top_share(values: Floats, top: float = 0.01) -> float:
    """Return the share of the work that the heaviest share `top` of holders has; NaN if there is nothing to hold.

    Raises `ValueError` for negative values, NaN and a `top` outside 0 to 1.

    >>> top_share(np.array([1.0, 1.0, 1.0, 7.0]), top=0.25)
    0.7
    """
    if not 0 <= top <= 1:
        raise ValueError(f"top is a share from 0 to 1, not {top}")
    return 1.0 - float(_lorenz_at(_sorted(values), np.array([1.0 - top]))[0])


def _lorenz_at(held: Floats, holders: Floats) -> Floats:
    total = float(held.sum())
    if total == 0:
        return np.full(len(holders), np.nan)
    shares = np.concatenate(([0.0], np.cumsum(held) / total))
    shares[-1] = 1.0
    return np.interp(holders, np.linspace(0.0, 1.0, len(shares)), shares)


def _sorted(values: Floats) -> Floats:
    held = np.sort(np.asarray(values, np.float64).ravel())
    if len(held) and not (held[0] >= 0 and np.isfinite(held[-1])):
        raise ValueError("concentration is defined for finite values of at least 0")
    return held
