"""A cost model that is fitted to times finds what made them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Ints
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.fitting import fit


def drawn(count: int) -> list[Ints]:
    chance = np.random.default_rng(count)
    return [chance.integers(10, 4000, size) for size in chance.integers(1, 9, count)]


@given(token=st.floats(1e-6, 1e-2), break_even=st.integers(500, 20_000), overhead=st.floats(0, 1.0))
def test_exact_times_give_back_their_coefficients(token: float, break_even: int, overhead: float) -> None:
    parts = drawn(40)
    cost = Quadratic(token, break_even)
    found = fit(parts, np.array([overhead + cost.seconds(part).sum() for part in parts]))
    assert isinstance(found.effort, Quadratic)
    assert found.effort.token == pytest.approx(token, rel=1e-3)
    assert found.effort.break_even == pytest.approx(break_even, rel=0.01)
    assert found.error < 1e-6
    assert found.overhead == pytest.approx(overhead, rel=1e-3, abs=1e-3 * token)


def test_noise_moves_the_prediction_little() -> None:
    chance, parts = np.random.default_rng(0), drawn(200)
    exact = np.array([0.05 + Tokens(1e-4).seconds(part).sum() for part in parts])
    found = fit(parts, exact * chance.normal(1, 0.03, len(exact)))
    foreseen = np.array([found.overhead + found.effort.seconds(part).sum() for part in parts])
    assert np.abs(foreseen / exact - 1).mean() < 0.02


def test_tokens_that_hide_behind_their_squares_are_found_without_them() -> None:
    parts = [np.array([n]) for n in (100, 200, 300, 400)]
    found = fit(parts, np.array([1.0, 1.01, 1.03, 1.08]))
    assert isinstance(found.effort, Tokens)
    assert found.overhead > 0.9


@pytest.mark.parametrize(
    ("parts", "seconds", "message"),
    [
        (drawn(3), np.ones(3), "a fit takes at least 4 micro-batches, not 3"),
        (drawn(5), np.ones(4), "an entry a micro-batch each, not 5 and 4"),
        (drawn(5), np.array([1.0, 2, np.nan, 1, 1]), "seconds are positive numbers"),
        ([np.array([5])] * 5, np.ones(5), "seconds do not grow with the tokens"),
    ],
)
def test_times_that_say_nothing_are_refused(parts: list[Ints], seconds: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(parts, seconds)
