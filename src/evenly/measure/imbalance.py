"""How uneven a load is, and what perfect balance would save."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Load

ROUNDING = 1e-6
"Work may exceed its span by this share before it counts as a mistake: sums of floats round."


@dataclass(frozen=True, slots=True)
class Saving:
    """What perfect balance would save."""

    amount: float
    "In the unit of the load: seconds, tokens."
    share: float
    "Of the time that the uneven load takes, 0 to 1."


def peak_over_mean(load: Load) -> float:
    """Return how many times longer the load takes than a perfectly even one.

    Without spans every step waits for its heaviest worker: the sum of the steps' peaks over the sum of their means.
    With spans the workers run on their own clocks: the largest total over the mean total. NaN if there is no work.

    >>> peak_over_mean(Load(np.array([[3.0, 1.0], [1.0, 3.0]])))  # every step takes 3 instead of 2
    1.5
    >>> peak_over_mean(Load(np.array([[3.0, 1.0], [1.0, 3.0]]), span=np.array([4.0, 4.0])))  # both did 4
    1.0
    """
    peak, mean = _peak_and_mean(load)
    return peak / mean if mean > 0 else float("nan")


def idle_share(load: Load) -> float:
    """Return the share of the workers' time in which they do nothing, 0 to 1.

    A step lasts as long as its span, or as its heaviest worker if there are no spans. NaN if no time passes. Raises
    `ValueError` if a worker did more than its span allows.

    >>> round(idle_share(Load(np.array([[3.0, 1.0], [1.0, 3.0]]))), 9)
    0.333333333
    >>> idle_share(Load(np.array([[3.0, 1.0], [1.0, 3.0]]), span=np.array([4.0, 4.0])))
    0.5
    """
    if load.work.size == 0:
        return float("nan")
    span = load.span if load.span is not None else load.work.max(axis=1)
    over = np.flatnonzero(load.work.max(axis=1) > span * (1 + ROUNDING))
    if len(over):
        step = int(over[0])
        raise ValueError(f"work {load.work[step].max()} in step {step} exceeds the step's span {span[step]}")
    room = float(span.sum()) * load.work.shape[1]
    return max(0.0, 1.0 - float(load.work.sum()) / room) if room > 0 else float("nan")


def variation(load: Load) -> float:
    """Return the coefficient of variation of the workers' totals: standard deviation over mean; 0 is even.

    NaN if there is no work.

    >>> variation(Load(np.array([[3.0, 1.0]])))
    0.5
    """
    total = load.total
    mean = float(total.mean()) if len(total) else 0.0
    return float(total.std()) / mean if mean > 0 else float("nan")


def saving(load: Load) -> Saving:
    """Return what perfect balance of the same work would save.

    The time is the one of `peak_over_mean`: the share saved is `1 - 1 / peak_over_mean`.

    >>> saving(Load(np.array([[3.0, 1.0], [1.0, 3.0]])))
    Saving(amount=2.0, share=0.3333333333333333)
    """
    peak, mean = _peak_and_mean(load)
    return Saving(peak - mean, (peak - mean) / peak if peak > 0 else float("nan"))


def by_step(load: Load) -> Floats:
    """Return peak over mean of each step; NaN in steps without work.

    >>> by_step(Load(np.array([[3.0, 1.0], [0.0, 0.0], [2.0, 2.0]])))
    array([1.5, nan, 1. ])
    """
    if load.work.shape[1] == 0:
        return np.full(load.work.shape[0], np.nan)
    mean = load.work.mean(axis=1)
    ratio = np.full(len(mean), np.nan)
    np.divide(load.work.max(axis=1), mean, out=ratio, where=mean > 0)
    return ratio


def _peak_and_mean(load: Load) -> tuple[float, float]:
    if load.work.size == 0:
        return 0.0, 0.0
    if load.span is None:
        return float(load.work.max(axis=1).sum()), float(load.work.sum()) / load.work.shape[1]
    return float(load.total.max()), float(load.total.mean())
