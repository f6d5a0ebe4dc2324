"""Arrivals whose rate and burstiness change from window to window, and the simpler laws they are held against."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evenly.core import Floats, Ints
from evenly.measure.burstiness import gamma_fit, spread

DAY = 86_400.0  # seconds
HOUR = 3_600.0  # seconds
FEW = 5  # arrivals below which a window tells nothing of its burstiness, as in the published generator
FALLBACK = 0.5  # Gamma shape of such a window: the published generator's own default
LEAST_SHAPE, MOST_SHAPE = 0.05, 20.0  # bounds of a fitted shape, as published
SILENCE = 6 * HOUR  # a service that is never used for so long is not observed: days are missing
SILENT_GAPS = 100.0  # ... unless its gaps are that long anyway: a silence is this many times the mean gap too
SPARE = 4.0  # standard deviations of room for the arrivals of a window; what still misses is drawn in a next round

Law = Literal["windows", "gamma", "poisson", "time-of-day", "even"]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Gamma arrivals window by window.

    Inside a window the process is stationary: its first gap is what an observer who comes at any time still waits, so
    the mean number of arrivals is exactly `count` for every shape.

    Reference: Y. Wang et al., "BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving Systems", KDD 2025.

    >>> busy_and_idle = Windows(60.0, count=np.array([300.0, 0.0]), shape=np.array([1.0, 1.0]))
    >>> bool(busy_and_idle.draw(np.random.default_rng(0)).max() < 60.0)
    True
    """

    width: float
    "Seconds of a window."
    count: Floats
    "Mean arrivals of each window; NaN where nothing was observed."
    shape: Floats
    "Gamma shape of the gaps in each window: 1 is Poisson, less is burstier; the CV of the gaps is `shape ** -0.5`."

    def __post_init__(self) -> None:
        if not 0 < self.width < float("inf"):
            raise ValueError(f"a window lasts a positive number of seconds, not {self.width}")
        if len(self.count) != len(self.shape) or len(self.count) == 0:
            raise ValueError(f"{len(self.count)} counts need as many shapes, at least one, not {len(self.shape)}")
        if np.any(self.count < 0) or np.any(np.isinf(self.count)) or not np.all(self.shape > 0):
            raise ValueError("counts of a window are at least 0 and finite, shapes above 0")

    @property
    def span(self) -> float:
        """Seconds of all windows."""
        return self.width * len(self.count)

    @property
    def rate(self) -> float:
        """Mean arrivals a second over what was observed; NaN if nothing was."""
        known = self.count[~np.isnan(self.count)]
        return float(known.mean()) / self.width if len(known) else float("nan")

    def scaled(self, factor: float) -> "Windows":
        """Return the windows with `factor` times the arrivals: more users, not a faster clock."""
        return replace(self, count=self.count * factor)

    def burstier(self, factor: float) -> "Windows":
        """Return the windows with `factor` times the squared CV of the gaps; the means stay."""
        return replace(self, shape=self.shape / factor)

    def fold(self, seconds: Floats) -> Floats:
        """Return times of the model for times that may lie behind its end: it begins again there.

        A model of a day or more is repeated by whole days, so that noon stays noon.
        """
        period = self.span // DAY * DAY if self.span >= DAY else self.span
        return np.asarray(np.where(seconds < self.span, seconds, seconds % period), np.float64)

    def cut(self, start: float, span: float) -> "Windows":
        """Return the windows from second `start` on for `span` seconds, both rounded to whole windows."""
        count = max(1, round(span / self.width))
        middle = np.asarray((round(start / self.width) + np.arange(count) + 0.5) * self.width, np.float64)
        index = np.minimum((self.fold(middle) / self.width).astype(np.int64), len(self.count) - 1)
        return replace(self, count=self.count[index], shape=self.shape[index])

    def filled(self) -> "Windows":
        """Return the windows with unobserved ones taken from the nearest day observed at that time, or empty."""
        count, shape = self.count.copy(), self.shape.copy()
        day = max(1, round(DAY / self.width))
        left = np.flatnonzero(np.isnan(count))
        for distance in range(day, len(count), day):
            for there in (left - distance, left + distance):
                inside = (there >= 0) & (there < len(count)) & np.isnan(count[left])
                count[left[inside]] = self.count[there[inside]]
                shape[left[inside]] = self.shape[there[inside]]
        return replace(self, count=np.nan_to_num(count), shape=shape)

    def draw(self, chance: np.random.Generator) -> Floats:
        """Return arrivals in seconds from the first window's start, sorted and before `span`."""
        live = np.flatnonzero(np.nan_to_num(self.count) > 0)
        shape = self.shape[live]
        scale = self.width / self.count[live] / shape
        begin = live * self.width
        # What is left of a gap that somebody meets at a random time: a uniform part of a gap weighted by its length.
        at = chance.random(len(live)) * chance.standard_gamma(shape + 1.0) * scale
        found = []
        while len(at):
            on = at < self.width
            at, begin, shape, scale = at[on], begin[on], shape[on], scale[on]
            found.append(begin + at)
            window, times = _onwards(at, shape, scale, self.width, chance)
            inside = times < self.width
            found.append(begin[window[inside]] + times[inside])
            at = times[np.flatnonzero(np.diff(window, append=-1))]
        arrival = np.sort(np.concatenate([np.empty(0), *found]), kind="stable")
        return np.asarray(np.minimum(arrival, np.nextafter(self.span, 0.0)))


def _onwards(
    at: Floats, shape: Floats, scale: Floats, width: float, chance: np.random.Generator
) -> tuple[Ints, Floats]:
    """Return further arrivals after `at`, by window, as many as most likely reach the window's end."""
    mean = (width - at) / (shape * scale)
    many = np.ceil(mean + SPARE * np.sqrt(mean / shape) + 1).astype(np.int64)
    window = np.repeat(np.arange(len(at)), many)
    total = np.cumsum(chance.standard_gamma(shape[window]) * scale[window])
    before = np.concatenate(([0.0], total))[np.cumsum(many) - many]
    return window, np.maximum(total - (before - at)[window], at[window])


def fit(arrival: Floats, width: float = 60.0) -> Windows:
    """Return the windows of a recorded sequence of arrivals, which count from second 0.

    The shape is estimated from the gaps inside a window; a window with fewer than five arrivals gets 0.5. Arrivals that
    a coarse clock puts on the same tick are spread over it, always in the same way. Silences of six hours and more are
    taken for missing data: no gap is fitted across them. The window in which the record ends is seen in part and left
    out, if it is not the only one.

    Raises `ValueError` without arrivals, and if all of several come at once.

    >>> windows = fit(np.cumsum(np.random.default_rng(0).gamma(0.25, 4.0, 50_000)), width=5000.0)
    >>> bool(np.all(np.abs(windows.shape[:-1] - 0.25) < 0.03)), round(windows.rate, 2)
    (True, 1.0)
    """
    if len(arrival) == 0:
        raise ValueError("no arrival, so there is nothing to fit")
    if len(arrival) > 1 and arrival[-1] == arrival[0]:
        raise ValueError(f"all {len(arrival):,} requests arrive at once; a file without times has no bursts to fit")
    times = spread(arrival)
    width = min(width, times[-1] * len(times) / max(len(times) - 1, 1)) or width
    windows = max(1, int(times[-1] // width))
    times = times[times < windows * width]
    place = (times // width).astype(np.int64)
    count = np.bincount(place, minlength=windows).astype(np.float64)
    inside = np.diff(place) == 0
    shape = shapes(np.diff(times)[inside], place[1:][inside], windows)
    for begin, end in silences(times):
        count[int(begin // width) : int(np.ceil(end / width))] = np.nan
    return Windows(width, count, shape)


def shapes(gaps: Floats, window: Ints, windows: int) -> Floats:
    """Return the Gamma shape of the gaps in each window, from 0.05 to 20; 0.5 for fewer than four gaps above zero.

    The closed form solves the likelihood equation within 1.5%. Few gaps bias it upwards, in the main by three times
    itself over their number; that is corrected.

    Reference: T. P. Minka, "Estimating a Gamma distribution", 2002; the correction is that of Z.-S. Ye and N. Chen,
    "Closed-form estimators for the Gamma distribution derived from likelihood equations", The American Statistician,
    2017.

    >>> gaps = np.random.default_rng(0).gamma(0.25, 4.0, 100_000)
    >>> shapes(gaps, np.zeros(100_000, np.int64), 1).round(2)
    array([0.25])
    """
    gaps, window = gaps[gaps > 0], window[gaps > 0]
    count = np.bincount(window, minlength=windows)
    enough = count >= FEW - 1
    n = count[enough]
    mean = np.bincount(window, gaps, windows)[enough] / n
    s = np.log(mean) - np.bincount(window, np.log(gaps), windows)[enough] / n
    s = np.maximum(s, 1e-9)  # equal gaps: rounding may make it negative
    shape = (3.0 - s + np.sqrt((s - 3.0) ** 2 + 24.0 * s)) / (12.0 * s)
    rest = shape / (1.0 + shape)
    shape -= (3.0 * shape - 2.0 / 3.0 * rest - 0.8 * rest / (1.0 + shape)) / n
    found = np.full(windows, FALLBACK)
    found[enough] = np.clip(shape, LEAST_SHAPE, MOST_SHAPE)
    return found


def silences(arrival: Floats) -> list[tuple[float, float]]:
    """Return begin and end of the stretches without arrivals that are too long to be quiet: nothing was recorded.

    >>> silences(np.array([0.0, 10.0, 20.0, 200_000.0]))  # the mean gap is long too, so this may be a quiet service
    []
    >>> days = np.concatenate([np.arange(0.0, 86_400.0, 60.0), np.arange(259_200.0, 345_600.0, 60.0)])
    >>> silences(days)  # two days are missing
    [(86340.0, 259200.0)]
    """
    gap = np.diff(arrival)
    long = np.flatnonzero(gap > max(SILENCE, SILENT_GAPS * float(gap.mean()) if len(gap) else 0.0))
    return [(float(arrival[i]), float(arrival[i + 1])) for i in long]


def simplified(law: Law, arrival: Floats, span: float, chance: np.random.Generator) -> Floats:
    """Return as many arrivals in the same span by a simpler law, fitted to `arrival`.

    `poisson` keeps the mean rate, `gamma` the shape of all gaps too, `time-of-day` the mean rate of each hour of the
    day, `even` sends at equal distances. `windows` changes nothing.
    """
    count = len(arrival)
    if law == "windows" or count == 0:
        return arrival
    if law == "even":
        return np.asarray((np.arange(count) + 0.5) * (span / count), np.float64)
    if law == "gamma":
        shape = gamma_fit(np.diff(spread(arrival))).shape if count >= FEW else FALLBACK
        total = np.cumsum(chance.standard_gamma(np.nan_to_num(shape, nan=MOST_SHAPE), count + 1))
        return np.asarray(total[:-1] * (span / total[-1]))
    uniform = np.sort(chance.random(count))
    if law == "poisson":
        return uniform * span
    hours = max(1, int(np.ceil(span / HOUR)))
    profile = np.bincount((arrival // HOUR).astype(np.int64) % 24, minlength=24)
    seconds = np.bincount(np.arange(hours) % 24, minlength=24) * HOUR
    seconds[(hours - 1) % 24] -= hours * HOUR - span
    rate = (profile / np.maximum(seconds, 1e-9))[np.arange(hours) % 24]
    edges = np.minimum(np.arange(hours + 1) * HOUR, span)
    total = np.concatenate(([0.0], np.cumsum(rate * np.diff(edges))))
    return np.asarray(np.interp(uniform * total[-1], total, edges))
