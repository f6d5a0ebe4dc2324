"""Weights of users: who has more gets more, who has none gets what is left."""

import math
from collections.abc import Mapping


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise `ValueError` for a weight that is below 0 or not finite."""
    for user, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise ValueError(f"a weight is at least 0, not {weight} of '{user}'")


def tier(weights: Mapping[str, float], user: str) -> tuple[float, float]:
    """Return the first element of a user's keys, and their weight among those who have the same.

    >>> tier({"ann": 2.0, "bob": 0.0}, "ann"), tier({"ann": 2.0, "bob": 0.0}, "bob"), tier({}, "eve")
    ((0.0, 2.0), (1.0, 1.0), (0.0, 1.0))
    """
    weight = weights.get(user, 1.0)
    return (0.0, weight) if weight > 0 else (1.0, 1.0)
