"""Laws of the measures of bursts, by formula and by brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import gamma as gamma_law

from evenly.core import Floats
from evenly.measure.burstiness import (
    dispersion,
    dispersion_curve,
    gamma_fit,
    gap_variation,
    gaps,
    spread,
    tick,
    window_sums,
)

times = arrays.arrays(np.float64, st.integers(2, 60), elements=st.floats(0, 500, width=32)).map(np.sort)


@given(arrival=times, window=st.floats(0.5, 100))
def test_windows_count_what_a_loop_counts(arrival: Floats, window: float) -> None:
    counts = window_sums(arrival, window)
    whole = int((arrival[-1] - arrival[0]) / window)
    place = [int((time - arrival[0]) / window) for time in arrival]
    assert counts.tolist() == [place.count(k) for k in range(whole)]


@given(arrival=times, window=st.floats(0.5, 100), weight=st.floats(0.1, 10))
def test_equal_weights_multiply_the_counts(arrival: Floats, window: float, weight: float) -> None:
    weighted = window_sums(arrival, window, np.full(len(arrival), weight))
    np.testing.assert_allclose(weighted, weight * window_sums(arrival, window))


@given(arrival=times, factor=st.sampled_from([0.125, 0.5, 2.0, 64.0]), shift=st.integers(0, 1000))
def test_faster_clocks_and_later_starts_change_no_measure_of_bursts(arrival: Floats, factor: float, shift: int) -> None:
    assume(arrival[-1] - arrival[0] > 20)
    other = (arrival - arrival[0]) * factor
    assert gap_variation(other) == pytest.approx(gap_variation(arrival - arrival[0]), nan_ok=True)
    assert dispersion(other, factor) == pytest.approx(dispersion(arrival - arrival[0], 1.0), nan_ok=True)
    assert window_sums(other + shift * factor, factor).sum() <= len(arrival)
    fit, scaled = gamma_fit(gaps(arrival - arrival[0])), gamma_fit(gaps(other))
    assert scaled.shape == pytest.approx(fit.shape, rel=1e-5, nan_ok=True)
    assert scaled.scale == pytest.approx(fit.scale * factor, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("shape", [0.1, 0.25, 0.5, 1.0, 2.0, 5.0])
def test_gamma_fit_finds_the_shape_within_five_percent_of_ten_thousand_gaps(shape: float) -> None:
    fit = gamma_fit(np.random.default_rng(3).gamma(shape, 2.0, 10_000))
    assert fit.shape == pytest.approx(shape, rel=0.05)
    assert fit.shape * fit.scale == pytest.approx(2.0 * shape, rel=0.1)


@pytest.mark.parametrize("shape", [0.05, 0.3, 1.0, 20.0])
def test_gamma_fit_is_the_maximum_of_the_likelihood(shape: float) -> None:
    between = np.random.default_rng(4).gamma(shape, 3.0, 500)
    fit = gamma_fit(between)
    known = between[between > 0]

    def likelihood(a: float, scale: float) -> float:
        return float(gamma_law.logpdf(known, a, scale=scale).sum())

    best = likelihood(fit.shape, fit.scale)
    for nearby in (0.99, 1.01):
        assert likelihood(fit.shape * nearby, fit.scale) < best
        assert likelihood(fit.shape, fit.scale * nearby) < best


@pytest.mark.parametrize("between", [[], [0.0, 0.0], [1.0], [2.0, 2.0, 2.0]])
def test_gaps_without_variation_have_no_gamma_law(between: list[float]) -> None:
    assert np.isnan(gamma_fit(np.array(between)).shape)


def test_poisson_arrivals_have_a_dispersion_of_one_at_every_scale() -> None:
    chance = np.random.default_rng(5)
    scales, index = dispersion_curve(np.cumsum(chance.exponential(1.0, 200_000)))
    short = scales < 1000  # long windows are few
    assert np.all(np.abs(index[short] - 1) < 0.15)


def test_gamma_arrivals_approach_their_squared_variation() -> None:
    chance = np.random.default_rng(6)
    scales, index = dispersion_curve(np.cumsum(chance.gamma(0.25, 4.0, 200_000)))
    middle = (scales > 100) & (scales < 1000)
    assert index[middle] == pytest.approx(np.full(middle.sum(), 4.0), rel=0.2)


@given(arrival=times)
def test_spread_keeps_order_and_tick_and_moves_no_arrival_out_of_its_tick(arrival: Floats) -> None:
    coarse = np.floor(arrival)
    fine = spread(coarse)
    width = tick(coarse)
    assert np.all(np.diff(fine) >= 0)
    assert np.all((fine >= coarse) & (fine <= coarse + width))
    np.testing.assert_array_equal(fine, spread(coarse))


def test_spread_undoes_a_clock_of_whole_seconds() -> None:
    arrival = np.cumsum(np.random.default_rng(7).exponential(0.4, 50_000))
    assert gap_variation(np.floor(arrival)) > 1.2
    assert gap_variation(spread(np.floor(arrival))) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan"), 1e-9])
def test_windows_that_cannot_be_counted_are_refused(window: float) -> None:
    with pytest.raises(ValueError, match="window"):
        window_sums(np.array([0.0, 100.0]), window)
