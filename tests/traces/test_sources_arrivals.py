"""Windowed Gamma arrivals, their fit, and the simpler laws beside them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenly.core import Floats
from evenly.traces.arrivals import DAY, HOUR, Windows, fit, shapes, silences, simplified

WIDE = 100_000.0  # a window that holds all gaps of a test


def shape_of(gaps: Floats) -> float:
    """Return the shape that is estimated from gaps in one window."""
    return float(shapes(gaps, np.zeros(len(gaps), np.int64), 1)[0])


def alike(count: float, shape: float, windows: int = 1, width: float = 60.0) -> Windows:
    """Return windows that are all the same."""
    return Windows(width, np.full(windows, count), np.full(windows, shape))


@pytest.mark.parametrize("shape", [0.1, 0.25, 0.5, 1.0, 2.0, 5.0])
def test_the_estimate_recovers_a_shape_within_five_percent_from_ten_thousand_gaps(shape: float) -> None:
    for seed in range(5):
        gaps = np.random.default_rng(seed).gamma(shape, 3.0, 10_000)
        assert shape_of(gaps) == pytest.approx(shape, rel=0.05)


@pytest.mark.parametrize("few", [5, 16])
def test_the_estimate_of_few_gaps_is_right_on_average(few: int) -> None:
    chance = np.random.default_rng(0)
    found = [shape_of(chance.gamma(0.5, 1.0, few)) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(0.5, rel=0.1)


def test_a_shape_of_one_gives_exponential_gaps() -> None:
    for seed in range(5):
        gaps = np.diff(alike(10_000, 1.0, width=WIDE).draw(np.random.default_rng(seed)))
        assert stats.kstest(gaps, "expon", args=(0, WIDE / 10_000)).pvalue > 0.01


@given(count=st.floats(0.2, 300), shape=st.floats(0.05, 20), windows=st.integers(1, 30), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_arrivals_are_sorted_and_inside_the_span(count: float, shape: float, windows: int, seed: int) -> None:
    model = alike(count, shape, windows)
    arrival = model.draw(np.random.default_rng(seed))
    assert np.all(np.diff(arrival) >= 0)
    assert np.all((arrival >= 0) & (arrival < model.span))
    assert np.array_equal(arrival, model.draw(np.random.default_rng(seed)))


@pytest.mark.parametrize("shape", [0.05, 0.25, 1.0, 4.0])
@pytest.mark.parametrize("count", [0.5, 20.0])
def test_a_window_keeps_its_mean_count_whatever_its_shape(count: float, shape: float) -> None:
    windows = 30_000
    found = np.bincount((alike(count, shape, windows).draw(np.random.default_rng(1)) // 60).astype(int))
    error = 4 * found.std() / np.sqrt(windows)
    assert abs(found.sum() / windows - count) <= error + 1e-9


def test_a_fit_of_what_a_model_draws_gives_the_model_back() -> None:
    chance = np.random.default_rng(0)
    model = Windows(600.0, chance.uniform(500, 2000, 50), chance.uniform(0.2, 3.0, 50))
    again = [fit(model.draw(np.random.default_rng(seed)), 600.0) for seed in range(20)]
    windows = min(len(found.count) for found in again)
    count = np.mean([found.count[:windows] for found in again], axis=0)
    shape = np.mean([found.shape[:windows] for found in again], axis=0)
    assert np.abs(count / model.count[:windows] - 1).max() < 0.1
    assert np.abs(shape / model.shape[:windows] - 1).max() < 0.1
    assert np.mean(count / model.count[:windows]) == pytest.approx(1.0, abs=0.01)
    assert np.mean(shape / model.shape[:windows]) == pytest.approx(1.0, abs=0.03)


def test_fewer_than_five_arrivals_fall_back_to_the_published_shape() -> None:
    arrival = np.array([0.0, 1.0, 2.0, 59.0, *np.linspace(60, 119, 50), 121.0])
    found = fit(arrival, 60.0)
    assert found.count.tolist() == [4, 50]
    assert found.shape[0] == 0.5
    assert found.shape[1] == 20.0, "a metronome meets the upper bound"


def test_ties_of_a_clock_of_whole_seconds_are_spread_and_not_taken_for_a_burst() -> None:
    exact = alike(9000, 1.0, width=3600.0).draw(np.random.default_rng(3))
    whole = np.floor(exact)
    assert np.count_nonzero(np.diff(whole) == 0) > 1000
    from_whole, from_exact = fit(whole, 3590.0), fit(exact, 3590.0)
    assert from_whole.shape[0] == pytest.approx(from_exact.shape[0], rel=0.05)
    assert np.array_equal(from_whole.shape, fit(whole, 3590.0).shape)


def days_with_a_hole(hole: tuple[int, int]) -> Floats:
    """Return five days of an arrival a minute, without those in `hole`, first day to last."""
    arrival = np.arange(0.0, 5 * DAY, 60.0) + 7.0
    day = arrival // DAY
    return arrival[(day < hole[0]) | (day > hole[1])]


def test_missing_days_are_found_and_never_fitted_across() -> None:
    arrival = days_with_a_hole((2, 3))
    assert silences(arrival) == [(2 * DAY - 53.0, 4 * DAY + 7.0)]
    found = fit(arrival, HOUR)
    assert np.isnan(found.count).nonzero()[0].tolist() == list(range(47, 97))
    known = found.count[~np.isnan(found.count)]
    assert np.all(known == 60)
    assert found.rate == pytest.approx(1 / 60)
    assert np.all(found.shape[~np.isnan(found.count)] == 20.0)


def test_a_missing_day_is_filled_with_the_same_hours_of_another() -> None:
    arrival = days_with_a_hole((2, 2))
    busy = np.concatenate([arrival, arrival[(arrival % DAY) // HOUR == 12] + 1.0])
    filled = fit(np.sort(busy), HOUR).filled()
    assert filled.count[2 * 24 + 12] == 120
    assert filled.count[2 * 24 + 13] == 60


def test_a_quiet_night_is_no_missing_data() -> None:
    nightly = np.concatenate([day * DAY + np.linspace(9 * HOUR, 20 * HOUR, 20) for day in range(30)])
    assert silences(nightly) == []


def test_a_model_of_days_is_repeated_by_whole_days() -> None:
    hours = Windows(HOUR, np.arange(30.0), np.ones(30))  # a day and six hours
    assert hours.cut(0.0, 60 * HOUR).count.tolist() == [*range(30), *(h % 24 for h in range(30, 60))]
    assert hours.cut(26 * HOUR, 2 * HOUR).count.tolist() == [26, 27]
    short = Windows(HOUR, np.arange(5.0), np.ones(5))
    assert short.cut(3 * HOUR, 4 * HOUR).count.tolist() == [3, 4, 0, 1]


@pytest.mark.parametrize("law", ["gamma", "poisson", "time-of-day", "even"])
def test_a_simpler_law_keeps_the_number_and_the_span(law: str) -> None:
    bursts = alike(40, 0.2, 600).draw(np.random.default_rng(2))
    found = simplified(law, bursts, 36_000.0, np.random.default_rng(4))  # type: ignore[arg-type]
    assert len(found) == len(bursts)
    assert np.all(np.diff(found) >= 0)
    assert found[0] >= 0
    assert found[-1] <= 36_000.0


def test_global_gamma_has_the_burstiness_of_all_gaps() -> None:
    bursts = alike(40, 0.25, 2000).draw(np.random.default_rng(2))
    found = simplified("gamma", bursts, 120_000.0, np.random.default_rng(4))
    assert shape_of(np.diff(found)) == pytest.approx(shape_of(np.diff(bursts)), rel=0.03)


def test_poisson_by_the_time_of_day_follows_the_day_but_no_single_day() -> None:
    chance = np.random.default_rng(0)
    rate = np.tile([10.0] * 12 + [500.0] * 12, 4) * np.repeat([0.5, 1.5, 0.5, 1.5], 24)
    days = Windows(HOUR, rate, np.ones(96)).draw(chance)
    found = simplified("time-of-day", days, 4 * DAY, chance)
    of_day = np.bincount((found // HOUR).astype(int) % 24, minlength=24)
    assert of_day == pytest.approx(np.bincount((days // HOUR).astype(int) % 24, minlength=24), rel=0.25, abs=20)
    assert np.bincount((found // DAY).astype(int)) == pytest.approx(np.full(4, len(days) / 4), rel=0.05)


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan"), float("inf")])
def test_a_window_without_length_is_refused(width: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        Windows(width, np.ones(1), np.ones(1))


def test_nothing_and_a_file_without_times_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="no arrival"):
        fit(np.empty(0))
    with pytest.raises(ValueError, match="all 7 requests arrive at once; a file without times"):
        fit(np.zeros(7))


@pytest.mark.parametrize("arrival", [[0.0], [0.0, 1e-9], [0.0, 0.0, 1.0], [0.0, 5.0]])
def test_a_handful_of_arrivals_is_fitted(arrival: list[float]) -> None:
    found = fit(np.array(arrival), 60.0)
    assert found.count.sum() == len(arrival)
    assert np.all(found.draw(np.random.default_rng(0)) < found.span)
