"""Running sums of a simulation: token gaps, load over time, worst gaps."""

import math
from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving.views import pool, seat_at, seat_in_line

OCTAVE = 512  # bins of equal width for each doubling of a gap: 0.1% to 0.2% of it
LOWEST = -20  # log2 of the smallest gap told apart, about a microsecond
GAP_BINS = OCTAVE * 44
SHIFT = 43  # bits of a float below exponent and the first nine of its mantissa: what is above counts the bins
LEAST = (1023 + LOWEST) * OCTAVE  # those upper bits of the smallest gap
BUSY, KV, TOKENS = 0, 1, 2  # channels of `bins`
CHANNELS = 3


@helper
def _bin(gap: float) -> int:
    if gap <= 0.0:
        return 0
    place: Any = (np.float64(gap).view(np.int64) >> SHIFT) - LEAST + 1
    return min(max(place, 0), GAP_BINS - 1)


@helper
def _edge(place: int) -> Any:
    """Return the smallest gap of a bin after the first."""
    return np.int64((place - 1 + LEAST) << SHIFT).view(np.float64)


@helper
def count_gap(w: Any, gap: float, weight: int) -> None:
    """Count a gap between tokens `weight` times."""
    w.clock[1] += weight * gap
    w.clock[2] += weight
    w.gaps[_bin(gap)] += weight


@helper
def count_gaps(w: Any, first: float, growth: float, passes: int, weight: int) -> None:
    """Count gaps `first`, `first + growth`, ..., each `weight` times."""
    w.clock[1] += weight * (passes * first + growth * (passes * (passes - 1) // 2))
    w.clock[2] += weight * passes
    low = _bin(first)
    if passes == 1:
        w.gaps[low] += weight
        return
    high = _bin(first + growth * (passes - 1))
    if low == high:
        w.gaps[low] += weight * passes
        return
    done = 0
    while done < passes:
        place = _bin(first + growth * done)
        edge = place + 1 if growth > 0.0 else place
        until = passes
        if 0 < place < GAP_BINS - 1:
            reach = (_edge(edge) - first) / growth
            until = min(passes, max(done + 1, math.ceil(reach)))
        w.gaps[place] += weight * (until - done)
        done = until


@helper
def fold(w: Any, until: float) -> None:
    """Double the width of the time bins until the last one ends after `until`."""
    count = w.bins.shape[1]
    while until >= w.clock[0] * count:
        for channel in range(w.bins.shape[0]):
            for replica in range(w.bins.shape[2]):
                for place in range(count // 2):
                    w.bins[channel, place, replica] = (
                        w.bins[channel, 2 * place, replica] + w.bins[channel, 2 * place + 1, replica]
                    )
                for place in range(count // 2, count):
                    w.bins[channel, place, replica] = 0.0
        w.clock[0] *= 2.0


@helper
def spread(w: Any, r: int, start: float, end: float, kv: float, tokens: float) -> None:
    """Add a stretch of passes to the time bins: busy seconds, block-seconds and tokens."""
    if end >= w.clock[0] * w.bins.shape[1]:
        fold(w, end)
    width = w.clock[0]
    place = int(start / width)
    length = end - start
    while start < end:
        edge = min(end, (place + 1) * width)
        part = edge - start
        w.bins[BUSY, place, r] += part
        w.bins[KV, place, r] += kv * part
        w.bins[TOKENS, place, r] += tokens * part / length
        place += 1
        start = max(edge, place * width) if edge < end else end


@helper
def worst_since(w: Any, r: int, index: int) -> float:
    """Return the largest common gap of a replica's decodes since its emission `index`."""
    low = 0
    high = pool(w, r).peaks
    while low < high:
        middle = (low + high) // 2
        if w.peak_at[r, middle] < index:
            low = middle + 1
        else:
            high = middle
    return w.peak_gap[r, low] if low < pool(w, r).peaks else 0.0


@helper
def remember_gap(w: Any, r: int, gap: float) -> None:
    """Note a gap that all decodes of a replica had, beginning at the present emission."""
    p = pool(w, r)
    size = p.peaks
    while size > 0 and w.peak_gap[r, size - 1] <= gap:
        size -= 1
    if size == w.peak_at.shape[1]:  # full: hand the maxima to the seats and start anew
        for place in range(p.seated):
            seat = seat_at(w, seat_in_line(w, r, place))
            p.peaks = size
            seat.worst = max(seat.worst, worst_since(w, r, seat.index))
            seat.index = p.emissions
        size = 0
    w.peak_at[r, size] = p.emissions
    w.peak_gap[r, size] = gap
    p.peaks = size + 1
