"""Intervals for a mean over seeds."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats

DRAWS = 2000  # resamples; the ends of a 95% interval then move by about 1% of its width


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the range that holds it with a given confidence."""

    mean: float
    low: float
    high: float


def interval(values: Floats, confidence: float = 0.95, draws: int = DRAWS) -> Interval:
    """Return the mean and its percentile bootstrap interval; one value is its own interval.

    The resampling is seeded, so equal values give equal intervals. NaN values are left out; all NaN gives NaN. With few
    values the interval is somewhat too narrow: 5 seeds cover about 85% where 95% is asked.

    Raises `ValueError` for a confidence outside 0 to 1.

    Reference: B. Efron, "Bootstrap methods: another look at the jackknife", 1979.

    >>> interval(np.array([2.0]))
    Interval(mean=2.0, low=2.0, high=2.0)
    >>> found = interval(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> found.mean, 1.0 <= found.low < found.mean < found.high <= 4.0
    (2.5, True)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, not {confidence}")
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if len(known) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    chance = np.random.default_rng(0)
    means = known[chance.integers(0, len(known), (draws, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(known.mean()), float(low), float(high))
