"""Which runtimes are called by which triggers, and how long the cold starts of each pair take.

Published are the times by runtime and the times by trigger, not by both. The joint distribution that is closest to
independence and agrees with both is found by raking.

Reference: W. E. Deming and F. F. Stephan, "On a least squares adjustment of a sampled frequency table", 1940.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from evenly.cluster.functions.published import invert, shares, tables
from evenly.core import Floats

POINTS = 400  # quantiles kept of each distribution
BINS = 60  # of cold-start times, in which triggers are told apart
ROUNDS = 200  # of raking


@dataclass(frozen=True, slots=True, eq=False)
class JointDistribution:
    """Cold starts by runtime r and trigger t."""

    times: Floats
    "Quantiles of the cold-start time in seconds, shape [r, t, POINTS], at the middles of equal shares."
    colds: Floats
    "Share of all cold starts, shape [r, t]."
    functions: Floats
    "Share of all functions, shape [r, t]."


def rake(table: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return the table with sums `rows` and `columns` that is closest to `table`, which is not negative.

    >>> rake(np.ones((2, 2)), np.array([0.25, 0.75]), np.array([0.5, 0.5]))
    array([[0.125, 0.125],
           [0.375, 0.375]])
    """
    found = np.array(table, np.float64)
    for _ in range(ROUNDS):
        found *= (rows / np.maximum(found.sum(axis=1), 1e-300))[:, None]
        found *= columns / np.maximum(found.sum(axis=0), 1e-300)
    return found


def middles(count: int) -> Floats:
    """Return the middles of equal shares of 1."""
    return (np.arange(count) + 0.5) / count


@cache
def joint_distribution() -> JointDistribution:
    """Return the joint distribution of the region that was told by runtime and by trigger."""
    levels = tables()["levels"]
    by_runtime = np.array(
        [invert(levels["others"], entry["total"], middles(POINTS)) for entry in tables()["runtimes"].values()]
    )
    runtime, trigger = (np.array(list(shares(of, "colds").values())) for of in ("runtimes", "triggers"))
    edges = np.geomspace(by_runtime.min() * 0.99, by_runtime.max() * 1.01, BINS + 1)
    place = np.searchsorted(edges, by_runtime) - 1
    weight = np.repeat(runtime[:, None] / POINTS, POINTS, axis=1)
    whole = np.bincount(place.ravel(), weight.ravel(), BINS).astype(np.float64)
    table = np.array(
        [_bins(entry["total"], levels["trigger"], edges, whole) for entry in tables()["triggers"].values()]
    )
    raked = rake(table.T * trigger, whole, trigger)
    given = raked / np.maximum(raked.sum(axis=1, keepdims=True), 1e-300)  # share of the triggers in each bin
    odds = given[place]  # [r, POINTS, t]
    colds = np.einsum("rp,rpt->rt", weight, odds)
    of = [np.array(list(shares(name, "functions").values())) for name in ("runtimes", "triggers")]
    return JointDistribution(_conditional(by_runtime, odds), colds, rake(colds, *of))


def _bins(quantiles: list[float], levels: list[float], edges: Floats, whole: Floats) -> Floats:
    """Return the share of a trigger's cold starts in each bin; as in the whole region where nothing was told."""
    if not quantiles:
        return whole
    scores = np.interp(np.log(edges), np.log(quantiles), ndtri(np.array(levels)))
    slope = np.diff(ndtri(np.array(levels))) / np.diff(np.log(quantiles))
    below, above = np.log(edges / quantiles[0]), np.log(edges / quantiles[-1])
    scores = np.where(below < 0, scores + below * slope[0], np.where(above > 0, scores + above * slope[-1], scores))
    found = np.diff(ndtr(scores))
    return np.asarray(np.maximum(found, 1e-9) / np.maximum(found, 1e-9).sum())


def _conditional(times: Floats, odds: Floats) -> Floats:
    """Return the quantiles of the times of each runtime under each trigger."""
    runtimes, _, triggers = odds.shape
    found = np.empty((runtimes, triggers, POINTS))
    for r in range(runtimes):
        for t in range(triggers):
            below = np.cumsum(odds[r, :, t])
            middle = (below - odds[r, :, t] / 2) / below[-1]
            found[r, t] = np.exp(np.interp(middles(POINTS), middle, np.log(times[r])))
    return found
