"""The controller of shares: its fits, its rule, and its step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.serve.shares._fit import NEAR, fit_decode, fit_prompt
from evenly.serve.shares.slo_controller import SloController

COEFFICIENT = st.floats(0.05, 2.0)
PUBLISHED = (0.6284, 0.3818)  # of Llama 3 8B on ShareGPT


@given(seed=st.integers(0, 1 << 20), a=COEFFICIENT, b=COEFFICIENT)
def test_the_decode_fit_recovers_both_numbers_within_five_percent(seed: int, a: float, b: float) -> None:
    chance = np.random.default_rng(seed)
    share = np.linspace(0.1, 0.9, 40)
    seconds = (a / share + b) * (1.0 + 0.002 * chance.standard_normal(40))
    found = fit_decode(share, seconds, np.ones(40))
    assert found.a == pytest.approx(a, rel=0.05)
    assert found.b == pytest.approx(b, rel=0.05, abs=0.02 * a)
    assert found.r2 >= 0.99


def test_the_decode_fit_recovers_the_published_numbers() -> None:
    share = np.linspace(0.1, 1.0, 10)
    found = fit_decode(share, PUBLISHED[0] / share + PUBLISHED[1], np.ones(10))
    assert (found.a, found.b) == pytest.approx(PUBLISHED, rel=1e-9)


@given(lam=st.floats(0.0, 0.5), a=COEFFICIENT, near=st.floats(0.0, 1.0))
def test_the_prompt_fit_is_bounded_near_its_pole(lam: float, a: float, near: float) -> None:
    share = lam + NEAR + np.linspace(0.0, 0.4, 12)
    found = fit_prompt(share, a / (share - lam) + 0.022, np.ones(12))
    assert found.lam < share.min()
    assert found.r2 >= 0.99
    assert np.isfinite(found(near))
    assert found(near) <= found.a / NEAR + found.b


def test_both_limits_broken_or_none_moves_nothing() -> None:
    control = SloController()
    slow, fast = np.full(20, 9.0), np.full(20, 0.001)
    for ttft, tpot in ((slow, slow), (fast, fast)):
        assert control.split(60.0, 80.0, ttft, tpot, (1.0, 0.1), control.memory(0, 1)) == (60.0, 80.0)


def test_late_decodes_get_more_and_at_100_the_prompts_give_down_to_the_floor() -> None:
    control = SloController(max_step=1, floor=10.0)
    memory = control.memory(0, 1)
    x, y = 20.0, 90.0
    seen = []
    for _ in range(6):
        x, y = control.split(x, y, np.full(20, 0.01), np.full(20, 9.0), (1.0, 0.1), memory)
        seen.append((x, y))
    assert seen == [(20.0, 95.0), (20.0, 100.0), (15.0, 100.0), (10.0, 100.0), (10.0, 100.0), (10.0, 100.0)]


def looks(control: SloController, windows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the shares after each window of so long first tokens and so much a token, from 100 and 100 on."""
    memory, pair, seen = control.memory(0, 1), (100.0, 100.0), []
    for first, pace in windows:
        pair = control.split(*pair, np.full(20, first), np.full(20, pace), (1.0, 0.1), memory)
        seen.append(pair)
    return seen


def test_a_careful_controller_takes_no_more_than_the_other_lane_can_spare() -> None:
    late = [(1.2, 0.06)] * 8  # a lane at 100 that is late whatever it gets
    assert min(y for _, y in looks(SloController(), late)) == 10.0
    assert looks(SloController(careful=True), late)[0] < (100.0, 100.0), "decodes have some to spare"
    assert looks(SloController(careful=True), [(1.2, 0.098)] * 8) == [(100.0, 100.0)] * 8, "they have nothing to spare"


def test_a_careful_controller_gives_back_what_nobody_needs() -> None:
    late, calm = [(1.2, 0.06)] * 2, [(0.2, 0.06)] * 12
    plain, careful = looks(SloController(), late + calm), looks(SloController(careful=True), late + calm)
    assert plain[-1] == plain[1] != (100.0, 100.0)
    assert careful[-1] == (100.0, 100.0)
