"""Slices of a trace: which part stands for the whole, and a warning where one does not."""

import warnings
from dataclasses import dataclass

import numpy as np

from evenly.core import Trace
from evenly.measure.burstiness import MOST_WINDOWS, window_sums

FAR = 3.0
"""A slice whose rate differs from the whole by more than this factor misleads. Of BurstGPT, the first 20 hours and a
later stretch of 20 hours differ by a factor of 92: https://github.com/HPMLL/BurstGPT/issues/11."""

FEW = 10  # requests, found and expected, below which chance alone makes such a difference


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of a trace."""

    start: float
    "Seconds after the first arrival."
    seconds: float
    "Length."
    requests: int
    "Requests that arrive in it."

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def offers(trace: Trace, seconds: float) -> dict[str, Slice]:
    """Return slices of so many seconds: `peak`, `median` and `representative`; none if the trace is shorter.

    The trace is cut into whole slices from its first arrival. Peak and median are those by their number of requests;
    representative is the one whose rate and mean prompt and output come closest to those of the whole trace, by the
    sum of the three factors' logarithms.

    Raises `ValueError` for a length that is not positive.

    >>> trace = Trace(np.array([0.0, 1, 2, 2.5, 2.9, 4, 5, 7]), np.full(8, 100), np.full(8, 10))
    >>> {name: (part.start, part.requests) for name, part in offers(trace, seconds=2.0).items()}
    {'peak': (2.0, 3), 'median': (0.0, 2), 'representative': (0.0, 2)}
    """
    counts = window_sums(trace.arrival, seconds)
    if len(counts) == 0:
        return {}
    rank = np.argsort(counts, kind="stable")
    middle = counts[rank[len(rank) // 2]]
    far = np.abs(
        np.log(np.maximum(counts, 0.5) / (seconds * _rate(trace)))
    )  # an empty slice is further than one request
    for column in (trace.prompt, trace.output):
        sums = window_sums(trace.arrival, seconds, column.astype(np.float64))
        mean = sums / np.maximum(counts, 1)
        far += np.abs(np.log(np.maximum(mean, 0.5) / max(float(column.mean()), 0.5)))
    chosen = {"peak": np.argmax(counts), "median": np.argmax(counts == middle), "representative": np.argmin(far)}
    return {name: Slice(int(k) * seconds, seconds, int(counts[k])) for name, k in chosen.items()}


def guard(
    trace: Trace, start: float = 0.0, seconds: float | None = None, requests: int | None = None, name: str = "slice"
) -> None:
    """Warn if a part of a trace has over 3 times, or under a third of, the requests a second of the whole.

    The part begins `start` seconds after the first arrival and ends after `seconds`, or with the arrival behind so many
    `requests`. The warning offers the peak, the median and a representative slice of the same length. `name` begins it.
    """
    if trace.span <= 0:
        return
    part = _part(trace, start, seconds, requests)
    if part.seconds <= 0 or part.seconds >= trace.span:
        return
    expected = _rate(trace) * part.seconds
    if max(part.requests, expected) < FEW or expected / FAR <= part.requests <= expected * FAR:
        return
    others = offers(trace, part.seconds) if trace.span / part.seconds <= MOST_WINDOWS else {}
    offered = [f"{kind} from {o.start:.6g} s ({o.rate:.3g})" for kind, o in others.items()]
    warnings.warn(
        f"{name}: the {part.seconds:.6g} s from {start:.6g} s have {part.rate:.3g} requests/s, the whole trace "
        f"{_rate(trace):.3g}; slices as long and their rates: {', '.join(offered) or 'none'}",
        stacklevel=2,
    )


def _part(trace: Trace, start: float, seconds: float | None, requests: int | None) -> Slice:
    since = trace.arrival - trace.arrival[0]
    end = trace.span if seconds is None else min(start + seconds, trace.span)
    first = int(np.searchsorted(since, start))
    if requests is not None and first + requests < len(since):
        end = min(end, float(since[first + requests]))
    return Slice(start, end - start, int(np.searchsorted(since, end)) - first)


def _rate(trace: Trace) -> float:
    return len(trace) / trace.span
