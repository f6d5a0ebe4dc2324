"""How bursty arrivals are, gap by gap and window by window."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints

LEAST_WINDOWS = 8  # a variance over fewer windows says nothing
ALIKE = 1e-9  # ln(mean) - mean(ln) of equal gaps is zero up to rounding
NEWTON_STEPS = 3  # from 1.5% the error falls below 1e-12
MOST_WINDOWS = 1 << 25  # 213 days of seconds fit; finer windows cost memory and show no more


@dataclass(frozen=True, slots=True)
class GammaFit:
    """A Gamma law of gaps between arrivals."""

    shape: float
    "1 is Poisson, less is burstier."
    scale: float
    "Seconds; shape times scale is the mean gap."


def gaps(arrival: Floats) -> Floats:
    """Return the seconds between successive arrivals.

    >>> gaps(np.array([0.0, 1.0, 1.0, 4.0]))
    array([1., 0., 3.])
    """
    return np.diff(arrival)


def tick(arrival: Floats) -> float:
    """Return the seconds between two ticks of the clock that stamped the arrivals; 0 where no two coincide.

    It is the smallest gap above zero.

    >>> tick(np.array([0.0, 3.0, 3.0, 9.0])), tick(np.array([0.0, 0.1, 0.5]))
    (3.0, 0.0)
    """
    between = gaps(arrival)
    known = between[between > 0]
    return float(known.min()) if 0 < len(known) < len(between) else 0.0


def spread(arrival: Floats, seed: int = 0) -> Floats:
    """Return arrivals of a coarse clock, each moved by chance within its tick; unchanged where no two coincide.

    A clock of whole seconds turns a Poisson process into bursts and silences. Arrivals that lie anywhere within their
    tick, independently, undo that. Their order stays, so other columns still fit; equal seeds give equal arrivals.

    >>> spread(np.array([0.0, 1.0, 3.0])).tolist()
    [0.0, 1.0, 3.0]
    >>> bool(np.all(np.diff(spread(np.array([0.0, 0.0, 2.0, 2.0]))) > 0))
    True
    """
    width = tick(arrival)
    if width == 0:
        return arrival
    return np.sort(arrival + np.random.default_rng(seed).uniform(0, width, len(arrival)))


def gap_variation(arrival: Floats) -> float:
    """Return the coefficient of variation of the gaps: 1 for Poisson, 0 for a metronome; NaN without time between.

    >>> gap_variation(np.array([0.0, 1.0, 2.0, 3.0]))
    0.0
    """
    between = gaps(arrival)
    mean = float(between.mean()) if len(between) else 0.0
    return float(between.std()) / mean if mean > 0 else float("nan")


def gamma_fit(between: Floats) -> GammaFit:
    """Return the Gamma law under which the gaps are likeliest; gaps of zero are left out.

    With `s = ln(mean) - mean(ln)`, the shape `(3 - s + sqrt((s - 3)^2 + 24 s)) / (12 s)` is within 1.5% of the root of
    `ln(shape) - digamma(shape) = s`; Newton's steps from there find it. NaN with fewer than two gaps or where all are
    alike.

    Reference: T. P. Minka, "Estimating a Gamma distribution", 2002.

    >>> fit = gamma_fit(np.random.default_rng(1).gamma(0.5, 2.0, 200_000))
    >>> round(fit.shape, 2), round(fit.scale, 1)
    (0.5, 2.0)
    """
    from scipy.special import digamma, polygamma

    known = between[between > 0]
    if len(known) < 2:
        return GammaFit(float("nan"), float("nan"))
    mean = float(known.mean())
    spread = float(np.log(mean) - np.log(known).mean())
    if not spread > ALIKE:
        return GammaFit(float("nan"), float("nan"))
    shape = float((3 - spread + np.sqrt((spread - 3) ** 2 + 24 * spread)) / (12 * spread))
    for _ in range(NEWTON_STEPS):
        slope = 1 / shape - float(polygamma(1, shape))
        shape -= (np.log(shape) - float(digamma(shape)) - spread) / slope
    return GammaFit(float(shape), mean / float(shape))


def window_sums(arrival: Floats, window: float, weights: Floats | None = None) -> Floats:
    """Return the arrivals, or the sum of their weights, in each whole window of so many seconds.

    Windows begin at the first arrival; what comes after the last whole one is left out. Empty if no window is whole.

    Raises `ValueError` for a window that is not positive, or so short that more than 33 million would be whole.

    >>> window_sums(np.array([0.0, 0.5, 1.5, 3.0, 3.2]), 1.0)
    array([2., 1., 0.])
    """
    if not window > 0:
        raise ValueError(f"a window lasts more than 0 seconds, not {window}")
    if len(arrival) == 0:
        return np.zeros(0)
    since = arrival - arrival[0]
    count = int(since[-1] / window)
    if count > MOST_WINDOWS:
        raise ValueError(f"{count:,} windows of {window} s are too many to count; use longer ones")
    place: Ints = (since / window).astype(np.int64)
    return np.asarray(np.bincount(place, weights, count + 1)[:count], np.float64)


def dispersion(arrival: Floats, window: float) -> float:
    """Return the index of dispersion: variance over mean of the arrivals in windows of so many seconds.

    1 for Poisson at every window; a value that climbs with the window tells of bursts that long. NaN with fewer than 8
    whole windows.

    Reference: D. R. Cox, P. A. W. Lewis, "The statistical analysis of series of events", 1966.

    >>> dispersion(np.arange(100.0), 5.0)
    0.0
    """
    counts = window_sums(arrival, window)
    if len(counts) < LEAST_WINDOWS:
        return float("nan")
    mean = float(counts.mean())
    return float(counts.var()) / mean if mean > 0 else float("nan")


def dispersion_curve(
    arrival: Floats, least: float = 0.0, points: int = 24, most: int = 1 << 20
) -> tuple[Floats, Floats]:
    """Return time scales in seconds, evenly spaced by factor, and the index of dispersion at each.

    They run from the mean gap, `least`, or what makes `most` windows, whichever is longest, to an eighth of the trace.
    Scales where the counts do not vary are left out; empty for a trace that is too short.

    >>> scales, index = dispersion_curve(np.arange(1000.0))  # a metronome has no bursts
    >>> bool(np.all(index < 0.3))
    True
    """
    span = float(arrival[-1] - arrival[0]) if len(arrival) else 0.0
    if span <= 0 or len(arrival) < 2 * LEAST_WINDOWS:
        return np.empty(0), np.empty(0)
    longest = span / LEAST_WINDOWS * (1 - 1e-9)
    scales = np.geomspace(min(max(span / len(arrival), span / most, least), longest), longest, points)
    index = np.array([dispersion(arrival, scale) for scale in scales.tolist()])
    known = index > 0
    return scales[known], index[known]
