"""Laws that every measure keeps, and brute force where there is a formula."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evenly.core import Floats, Load
from evenly.measure import imbalance
from evenly.measure.bootstrap import interval
from evenly.measure.concentration import gini, lorenz, top_share
from evenly.measure.fairness import jain, max_min_ratio
from evenly.measure.quantiles import quantiles
from evenly.measure.slo import Slo, attainment, goodput

positive = arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(0.01, 1e4))
table = arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1e3))


@given(values=positive)
def test_gini_is_half_the_mean_difference_over_the_mean(values: Floats) -> None:
    differences = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(values) == pytest.approx(differences / (2 * values.mean()), abs=1e-9)


@given(values=positive, factor=st.floats(0.01, 100), seed=st.integers(0, 9))
def test_concentration_and_fairness_ignore_scale_and_order(values: Floats, factor: float, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(values) * factor
    for measure in (gini, jain, max_min_ratio, top_share):
        assert measure(other) == pytest.approx(measure(values), rel=1e-6, abs=1e-9)


@given(values=positive, data=st.data())
def test_giving_from_rich_to_poor_makes_it_fairer(values: Floats, data: st.DataObject) -> None:
    assume(len(values) > 1)
    rich, poor = int(values.argmax()), int(values.argmin())
    assume(values[rich] > values[poor])
    amount = data.draw(st.floats(0, 1)) * (values[rich] - values[poor]) / 2
    other = values.copy()
    other[rich] -= amount
    other[poor] += amount
    assert gini(other) <= gini(values) + 1e-9
    assert jain(other) >= jain(values) - 1e-9


@given(values=positive)
def test_bounds(values: Floats) -> None:
    count = len(values)
    assert -1e-12 <= gini(values) <= 1 - 1 / count + 1e-12
    assert 1 / count - 1e-12 <= jain(values) <= 1 + 1e-12
    assert max_min_ratio(values) >= 1


@given(values=positive)
def test_the_lorenz_curve_is_convex_and_encloses_the_gini_area(values: Floats) -> None:
    holders, shares = lorenz(values, points=len(values) + 1)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert np.all(np.diff(shares, 2) >= -1e-9)
    area = np.trapezoid(shares, holders) if hasattr(np, "trapezoid") else np.trapz(shares, holders)  # type: ignore[attr-defined]
    assert gini(values) == pytest.approx(1 - 2 * area, abs=1e-9)


@given(work=table)
def test_imbalance_of_a_load_is_bounded_and_zero_when_even(work: Floats) -> None:
    load = Load(work)
    assume(work.sum() > 1e-6)
    workers = work.shape[1]
    assert 1 - 1e-9 <= imbalance.peak_over_mean(load) <= workers + 1e-9
    assert -1e-12 <= imbalance.idle_share(load) <= 1 - 1 / workers + 1e-9
    even = Load(np.repeat(work.mean(axis=1, keepdims=True), workers, axis=1))
    assert imbalance.peak_over_mean(even) == pytest.approx(1)
    assert imbalance.variation(even) == pytest.approx(0, abs=1e-9)


@given(work=table)
def test_saving_and_idle_share_tell_the_same_story(work: Floats) -> None:
    assume(work.sum() > 1e-6)
    load = Load(work)
    assert imbalance.saving(load).share == pytest.approx(imbalance.idle_share(load), abs=1e-9)


@given(values=positive, weights=st.data())
def test_weighted_quantiles_equal_those_of_the_repeated_values(values: Floats, weights: st.DataObject) -> None:
    counts = weights.draw(arrays.arrays(np.int64, len(values), elements=st.integers(0, 4)))
    assume(counts.sum() > 0)
    shares = np.array([0.1, 0.5, 0.9, 1.0])
    repeated = np.repeat(values, counts)
    expected = np.quantile(repeated, shares, method="inverted_cdf")
    np.testing.assert_allclose(quantiles(values, shares, counts.astype(float)), expected)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        found = interval(chance.normal(10.0, 1.0, 30))
        hits += found.low <= 10.0 <= found.high
    assert 0.90 <= hits / 300 <= 0.98


@given(values=arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e3, 1e3)))
def test_an_interval_holds_its_mean_and_repeats(values: Floats) -> None:
    found = interval(values)
    assert values.min() - 1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= values.max() + 1e-9
    assert found == interval(values)


def test_objectives_are_kept_only_if_every_limit_is() -> None:
    slo = Slo(ttft=1.0, tpot=0.1, tbt=0.3, e2e=9.0)
    ttft = np.array([0.5, 1.5, 0.5, 0.5, 0.5, np.nan])
    e2e = np.array([1.4, 2.4, 5.0, 1.4, 10.0, np.nan])
    output = np.array([10, 10, 10, 10, 200, 10])
    worst = np.array([0.2, 0.2, 0.2, 0.9, 0.2, np.nan])
    met = slo.met(ttft, e2e, output, worst)
    assert met.tolist() == [True, False, False, False, False, False]
    assert attainment(met) == pytest.approx(1 / 6)
    assert goodput(met, 2.0) == 0.5
    assert Slo.parse(str(slo)) == slo


@pytest.mark.parametrize("text", ["ttft", "ttft:x", "ttfs:1", "ttft:1 ttft:2", "ttft:-1", "ttft:nan"])
def test_a_wrong_objective_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ttft|ttfs|x"):
        Slo.parse(text)
