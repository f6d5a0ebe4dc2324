"""A part of a trace that does not stand for the whole is warned of."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.traces.slices import FAR, guard, offers


def trace(*rates: int, seconds: int = 100) -> Trace:
    """Return a trace with evenly spaced arrivals, so many a second in each stretch."""
    parts = [k * seconds + np.arange(rate * seconds) / rate for k, rate in enumerate(rates)]
    arrival = np.concatenate([*parts, [len(rates) * seconds]])
    return Trace(arrival, np.full(len(arrival), 100), np.full(len(arrival), 10))


QUIET_HEAD = trace(1, 1, 10, 10, 10, 40, 10, 10)


def test_a_quiet_head_is_warned_of_and_three_slices_are_offered() -> None:
    pattern = (
        r"a.csv: the 100 s from 0 s have 1 requests/s, the whole trace 11.5; .*peak from 500 s \(40\), median from"
    )
    with pytest.warns(UserWarning, match=pattern):
        guard(QUIET_HEAD, 0.0, 100.0, name="a.csv")


def test_a_peak_is_warned_of_too() -> None:
    with pytest.warns(UserWarning, match="have 40 requests/s"):
        guard(QUIET_HEAD, 500.0, 100.0)


def test_a_cut_by_number_of_requests_is_measured_to_the_next_arrival() -> None:
    with pytest.warns(UserWarning, match="the 50 s from 0 s have 1 requests/s"):
        guard(QUIET_HEAD, requests=50)


@pytest.mark.parametrize(
    "cut", [(0.0, None, None), (200.0, 100.0, None), (0.0, 700.0, None), (200.0, None, 300), (0.0, None, 10**9)]
)
def test_slices_like_the_whole_pass_in_silence(cut: tuple[float, float | None, int | None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guard(QUIET_HEAD, *cut)


def test_a_handful_of_requests_differs_by_chance_alone() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guard(trace(1, 1, 1, 1, seconds=10), 0.0, 2.0)
        guard(QUIET_HEAD.take(np.array([0])), 0.0, 1.0)


@given(
    rates=st.lists(st.integers(1, 30), min_size=2, max_size=8),
    start=st.integers(0, 79),
    seconds=st.floats(0.5, 80),
)
def test_it_warns_exactly_where_the_rates_differ_by_more_than_three(
    rates: list[int], start: int, seconds: float
) -> None:
    whole = trace(*rates, seconds=10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guard(whole, float(start), seconds)
    length = min(seconds, whole.span - start)
    if length <= 0 or length >= whole.span:
        assert not caught
        return
    inside = int(((whole.arrival >= start) & (whole.arrival < start + length)).sum())
    expected = len(whole) / whole.span * length
    far = inside > FAR * expected or inside < expected / FAR
    assert bool(caught) == (far and max(inside, expected) >= 10)


@given(rates=st.lists(st.integers(1, 30), min_size=1, max_size=8), seconds=st.floats(1, 40))
def test_offered_slices_lie_inside_the_trace_and_hold_what_they_say(rates: list[int], seconds: float) -> None:
    whole = trace(*rates, seconds=10)
    found = offers(whole, seconds)
    assert bool(found) == (seconds <= whole.span)
    for part in found.values():
        assert 0 <= part.start <= whole.span - seconds + 1e-9
        assert part.requests == pytest.approx(
            ((whole.arrival >= part.start) & (whole.arrival < part.start + seconds)).sum(), abs=1
        )  # a float may fall on either side of an edge
    if found:
        assert found["peak"].requests >= found["median"].requests
        assert found["peak"].requests >= found["representative"].requests


def test_the_representative_slice_is_like_the_whole_in_rate_and_lengths() -> None:
    odd = (QUIET_HEAD.arrival >= 200) & (QUIET_HEAD.arrival < 300)
    long = np.where(odd, 900, 100)  # right in rate, wrong in length
    mixed = Trace(QUIET_HEAD.arrival, long, QUIET_HEAD.output)
    assert offers(mixed, 100.0)["representative"].start == 300.0
