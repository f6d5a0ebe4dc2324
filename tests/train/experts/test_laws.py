"""What is proved of prices, by random cases, linear programs and a plain twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Floats
from evenly.train.experts.affinities import Shape
from evenly.train.experts.affinities.gaussian import Gaussian
from evenly.train.experts.balancers import Seen, balancers
from evenly.train.experts.balancers.annealed import Annealed
from evenly.train.experts.balancers.newton import Newton
from evenly.train.experts.balancers.proportional import Proportional
from evenly.train.experts.balancers.quantile import Quantile
from evenly.train.experts.balancers.sign import Sign
from evenly.train.experts.lagrangian import dual, switching
from evenly.train.experts.oracle import optimum
from evenly.train.experts.regret import fixed_prices, regret
from evenly.train.experts.routing import Still, by_device, chosen, margins, routed, violation

Case = tuple[Floats, Floats, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return scores, prices and the experts that a token visits."""
    experts = draw(st.integers(2, 9))
    tokens, active = draw(st.integers(1, 30)), draw(st.integers(1, experts - 1))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = draw(st.booleans())  # with ties
    scores = chance.random((tokens, experts))
    prices = chance.normal(0.0, 0.3, experts)
    return (np.round(scores, 1), np.round(prices, 1), active) if coarse else (scores, prices, active)


def plain(scores: Floats, prices: Floats, active: int) -> list[list[int]]:
    """Return the experts of each token by sorting, of equal ones the earlier."""
    return [list(np.argsort(-(row + prices), kind="stable")[:active]) for row in scores]


@given(cases())
@settings(max_examples=60, deadline=None)
def test_the_kernel_chooses_as_sorting_does(case: Case) -> None:
    scores, prices, active = case
    expected = plain(scores, prices, active)
    counts, total = routed(scores, prices, active)
    assert counts.tolist() == np.bincount(np.concatenate(expected), minlength=len(prices)).tolist()
    assert total == pytest.approx(sum(scores[i, e] for i, row in enumerate(expected) for e in row))
    taken = chosen(scores, prices, active)
    assert [sorted(row) for row in expected] == [np.flatnonzero(row).tolist() for row in taken]


@given(cases(), st.integers(0, 2**32), st.sampled_from([1e-3, 0.02, 0.3]))
@settings(max_examples=40, deadline=None)
def test_tokens_that_stay_are_counted_as_if_all_were_looked_at(case: Case, seed: int, size: float) -> None:
    scores, prices, active = case
    chance = np.random.default_rng(seed)
    still = Still(scores, active)
    for _ in range(20):
        expected, total = routed(scores, prices, active)
        counts, found = still.routed(prices)
        assert counts.tolist() == expected.tolist()
        assert found == pytest.approx(total)
        prices = prices + chance.normal(0.0, size, len(prices))


@given(cases())
@settings(max_examples=40, deadline=None)
def test_a_margin_is_what_a_score_has_beyond_the_best_of_the_others(case: Case) -> None:
    scores, prices, active = case
    found = margins(scores, prices, active)
    for i, row in enumerate(scores):
        for e in range(len(prices)):
            others = np.sort(np.delete(row + prices, e))[::-1]
            bar = others[active - 1] if active <= len(others) else -np.inf
            assert found[i, e] == pytest.approx(row[e] - bar)


@given(cases(), st.sampled_from([1e-3, 1e-2, 0.1, 0.5]), st.sampled_from(["sign", "proportional"]))
@settings(max_examples=60, deadline=None)
def test_an_update_changes_the_dual_as_the_identity_says_and_keeps_the_preference_rule(
    case: Case, rate: float, name: str
) -> None:
    scores, before, active = case
    counts, _ = routed(scores, before, active)
    target = active * len(scores) / len(before)
    after = balancers[name](rate=rate).update(before, Seen(counts, 1))  # type: ignore[call-arg]
    gained = float((after - before) @ (counts - target))
    moved = dual(scores, after, active) - dual(scores, before, active)
    extra = switching(scores, before, after, active)
    assert extra >= -1e-9
    assert moved == pytest.approx(gained + extra, abs=1e-9)
    old, new = chosen(scores, before, active), chosen(scores, after, active)
    for i in np.flatnonzero((old != new).any(axis=1)):
        lost, won = (after - before)[old[i] & ~new[i]], (after - before)[new[i] & ~old[i]]
        assert lost.max() <= won.min() + 1e-12
        if name == "sign":
            assert not (counts[old[i] & ~new[i]] < target).any() or not (counts[new[i] & ~old[i]] > target).any()


@given(cases(), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_a_common_offset_changes_no_choice(case: Case, offset: float) -> None:
    scores, prices, active = case
    scores = np.round(scores, 1) + 1e-3 * np.arange(len(prices))  # no near ties that rounding could turn
    assert (chosen(scores, prices, active) == chosen(scores, prices + np.round(offset), active)).all()


def test_the_linear_program_agrees_with_brute_force() -> None:
    from itertools import permutations

    chance = np.random.default_rng(3)
    for _ in range(5):
        scores = chance.random((6, 3))
        homes = [0, 0, 1, 1, 2, 2]
        best = max(sum(scores[i, e] for i, e in enumerate(order)) for order in set(permutations(homes)))
        found = optimum(scores, 1)
        assert found.value == pytest.approx(best)
        assert dual(scores, found.prices, 1) == pytest.approx(best), "at the optimum the dual promises no more"


def test_loads_at_optimal_prices_are_off_by_less_than_there_are_experts() -> None:
    chance = np.random.default_rng(4)
    for _ in range(15):
        experts = int(chance.integers(2, 8))
        active, tokens = int(chance.integers(1, experts)), experts * int(chance.integers(2, 12))
        scores = chance.random((tokens, experts))
        prices = optimum(scores, active).prices
        for _ in range(5):
            counts, _ = routed(scores, prices + chance.normal(0.0, 1e-7, experts), active)
            assert np.abs(counts - active * tokens / experts).max() <= experts - 1


def test_prices_reach_the_optimum_of_the_linear_program() -> None:
    scores = np.random.default_rng(5).random((128, 8))
    best = optimum(scores, 2)
    prices, rule = np.zeros(8), Annealed(1.0, power=0.7)
    for step in range(1, 3001):
        prices = rule.update(prices, Seen(routed(scores, prices, 2)[0], step))
    counts, total = routed(scores, prices, 2)
    assert np.abs(counts - 32).max() <= 7
    assert total / best.value == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(prices, best.prices)[0, 1] >= 0.99
    fixed = fixed_prices(scores, 2)
    assert dual(scores, fixed, 2) / best.value == pytest.approx(1.0, abs=1e-3), "the search for fixed prices agrees"


@pytest.mark.parametrize("rule", [Sign(1e-3), Proportional(), Annealed(), Quantile(), Newton()])
def test_every_rule_evens_out_fixed_scores(rule: Sign | Proportional | Annealed | Quantile | Newton) -> None:
    chance = np.random.default_rng(6)
    scores = 1.0 / (1.0 + np.exp(-chance.standard_normal((1024, 16)) - chance.standard_normal(16)))
    prices = np.zeros(16)
    before = violation(routed(scores, prices, 2)[0])
    for step in range(1, 1501):
        prices = rule.update(prices, Seen(routed(scores, prices, 2)[0], step, 2, scores))
    assert before > 2
    assert violation(routed(scores, prices, 2)[0]) < 0.12


def test_a_sign_stops_when_it_is_told_to() -> None:
    seen = Seen(np.array([3, 1]), 5)
    assert Sign(0.1, until=4).update(np.zeros(2), seen).tolist() == [0.0, 0.0]
    assert Sign(0.1, until=5).update(np.zeros(2), seen).tolist() == [-0.1, 0.1]


def test_experts_of_a_device_move_alike() -> None:
    counts = by_device(np.array([9, 1, 2, 2, 0, 4]), 3)
    assert counts.tolist() == [10, 10, 4, 4, 4, 4]
    assert Proportional(0.1).update(np.zeros(6), Seen(counts, 1))[:2].tolist() == pytest.approx([-0.0667] * 2, abs=1e-4)


def test_a_constant_step_pays_what_the_noise_of_its_loads_costs() -> None:
    """Near the best prices a step e on the dual of a token costs e / 4 times the variance of its sub-gradient."""
    shape, step, steps = Shape(layers=1, tokens=256, experts=16, active=2), 0.05, 1200
    scores = np.stack([Gaussian().draw(shape, 0, n, 0) for n in range(steps)])
    rule = Proportional(step * shape.active / shape.experts)  # its rate is on (L - A) / L, the step on (L - A) / T
    prices, past = np.zeros(16), np.empty((steps, 16))
    for n in range(steps):
        past[n] = prices
        prices = rule.update(prices, Seen(routed(scores[n], prices, 2)[0], n + 1))
    last = scores[200:]
    fixed = fixed_prices(last.reshape(-1, 16), 2)
    loads = np.array([routed(batch, fixed, 2)[0] for batch in last])
    expected = step / 4 * loads.var(axis=0).sum() / shape.tokens**2
    assert regret(last, past[200:], 2, fixed) / len(last) == pytest.approx(expected, rel=0.3)
