"""How near what users get over time comes to their fair shares."""

import numpy as np

from evenly.core import Floats, Ints
from evenly.measure.fairness import jain, max_min


def fair_share(asked: Floats, given: Floats, least: float = 0.0, weights: Floats | None = None) -> float:
    """Return Jain's index over users of their service over their max-min fair share, in the mean of all windows.

    `asked` and `given` are what had come and been served until the end of each window, shape [windows, users]. What a
    user wants in a window is what came until its end and was not served before it; what all are given in it would be
    shared max-min fairly, by the `weights` of users if they differ. Windows count by what was given in them, and only
    if two users are due some of it; amounts up to `least` are rounding. NaN if no window counts.

    Reference: Jain, Chiu and Hawe, "A quantitative measure of fairness", 1984, compare allocations to the optimal ones.

    >>> fair_share(np.array([[4.0, 4.0]]), np.array([[2.0, 2.0]]))
    1.0
    >>> fair_share(np.array([[4.0, 4.0]]), np.array([[4.0, 0.0]]))
    0.5
    """
    before = np.vstack((np.zeros(given.shape[1]), given[:-1]))
    wants = np.where(asked - before > least, asked - before, 0.0)
    gets = np.where(given - before > least, given - before, 0.0)
    total = weighted = 0.0
    for want, get in zip(wants, gets, strict=True):
        served = float(get.sum())
        due = max_min(want, served, weights)
        asks = due > 0
        if asks.sum() > 1:
            total += served
            weighted += served * jain(get[asks] / due[asks])
    return weighted / total if total else float("nan")


def until(edges: Floats, begin: Floats, end: Floats, amount: Floats, user: Ints, users: int) -> Floats:
    """Return, by edge and user, what came until then of amounts that come evenly from `begin` to `end`.

    `edges` are evenly spaced and reach the last `end`.

    >>> until(np.array([1.0, 2.0]), np.array([0.0]), np.array([2.0]), np.array([8.0]), np.array([0]), 1)
    array([[4.], [8.]])
    """
    level, rate = np.zeros((len(edges) + 1, users)), np.zeros((len(edges) + 1, users))
    start, stop = np.searchsorted(edges, begin), np.searchsorted(edges, end)  # the first edge at or after each
    same = start == stop
    np.add.at(level, (stop[same], user[same]), amount[same])
    begin, end, amount, user, start, stop = (x[~same] for x in (begin, end, amount, user, start, stop))
    speed = amount / (end - begin)
    width = edges[1] - edges[0] if len(edges) > 1 else 0.0
    np.add.at(level, (start, user), speed * (edges[start] - begin))
    np.add.at(rate, (start + 1, user), speed * width)
    np.add.at(rate, (stop, user), -speed * width)
    np.add.at(level, (stop, user), speed * (end - edges[stop - 1]))
    return np.asarray(np.cumsum(level + np.cumsum(rate, axis=0), axis=0)[:-1])
