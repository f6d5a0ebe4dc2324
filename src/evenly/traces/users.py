"""Who sends what."""

import numpy as np

from evenly.core import Ints


def zipf(users: int, count: int, chance: np.random.Generator) -> Ints | None:
    """Return the senders of `count` things by Zipf's law: the k-th user sends 1/k as many as the first.

    `None` if there are no users to tell apart.
    """
    if not users:
        return None
    weight = 1.0 / np.arange(1, users + 1)
    return chance.choice(users, count, p=weight / weight.sum())
