"""Water finds its level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from evenly.balance.filling import filled
from evenly.core import Floats

loads = st.lists(st.floats(0.0, 10.0), min_size=1, max_size=8).map(np.array)


@given(load=loads, amount=st.floats(0.0, 50.0))
def test_all_of_it_is_dealt_and_no_part_above_the_level_gets_any(load: Floats, amount: float) -> None:
    dealt = filled(load, amount)
    assert dealt.sum() == pytest.approx(amount, abs=1e-9)
    assert (dealt >= 0).all()
    level = (load + dealt)[dealt > 0]
    assert level.size == 0 or np.ptp(level) <= 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_no_linear_program_finds_a_lower_peak(seed: int) -> None:
    chance = np.random.default_rng(seed)
    load, amount = chance.uniform(0.0, 5.0, 6), float(chance.uniform(0.1, 10.0))
    above = np.hstack([np.eye(6), -np.ones((6, 1))])
    best = linprog([0.0] * 6 + [1.0], above, -load, [[1.0] * 6 + [0.0]], [amount])
    assert (load + filled(load, amount)).max() == pytest.approx(max(best.fun, load.max()))


def test_an_amount_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, not -1"):
        filled(np.ones(2), -1.0)
