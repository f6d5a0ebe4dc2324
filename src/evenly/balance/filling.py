"""Work that can be cut at will, poured where there is least."""

import numpy as np

from evenly.core import Floats


def filled(load: Floats, amount: float) -> Floats:
    """Return how much of `amount` each part gets, so that the heaviest part weighs least.

    Parts below the level of the water rise to it, the others get nothing; no other way to deal it has a lower peak.
    Raises `ValueError` for an amount below 0.

    >>> filled(np.array([1.0, 4.0, 2.0]), 3.0)
    array([2., 0., 1.])
    """
    if amount < 0:
        raise ValueError(f"an amount is at least 0, not {amount}")
    low = np.sort(load)
    needed = np.arange(1, len(low) + 1) * low - np.cumsum(low)  # to lift all lighter parts to each one
    lifted = int(np.searchsorted(needed, amount, "right"))
    level = (amount + low[:lifted].sum()) / lifted
    return np.asarray(np.maximum(level - load, 0.0))
