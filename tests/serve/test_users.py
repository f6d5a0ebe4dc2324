"""Figures in which each user counts once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Array
from evenly.measure.fairness import jain, max_min
from evenly.serve.users import OUTPUT, fair_share

WINDOW = 10.0


def requests(*rows: tuple[int, float, float, float, int, int]) -> dict[str, Array]:
    """Return columns of (user, arrival, first token, finish, prompt, output)."""
    columns = zip(*rows, strict=True)
    names = ("user", "arrival", "first_token", "finish", "prompt", "output")
    return {name: np.array(values) for name, values in zip(names, columns, strict=True)}


def test_who_waits_while_another_is_served_gets_less_than_a_fair_share() -> None:
    turns = requests((0, 0.0, 5.0, 5.0, 98, 1), (1, 0.0, 15.0, 15.0, 98, 1), (0, 0.0, 25.0, 25.0, 98, 1))
    # 100 tokens a window, for which both ask until user 1 is served: 50 each are fair; then user 0 asks alone
    assert fair_share(turns) == pytest.approx(jain(np.array([2.0, 0.0])))
    assert fair_share(turns | {"user": np.array([0, 1, 1])}) == pytest.approx(jain(np.array([2.0, 0.0])))


def test_who_asks_for_little_and_gets_it_is_served_fairly() -> None:
    items = requests((0, 0.0, 1.0, 9.0, 10, 10), (1, 0.0, 1.0, 20.0, 10, 200))
    assert fair_share(items) == pytest.approx(1.0)


def test_one_user_alone_has_no_share() -> None:
    assert math.isnan(fair_share(requests((3, 0.0, 1.0, 2.0, 10, 10), (-1, 0.0, 1.0, 2.0, 10, 10))))


@pytest.mark.parametrize("seed", range(30))
def test_windows_are_those_counted_one_by_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    count = 25
    arrival = chance.uniform(0, 40, count).round(chance.integers(0, 3))
    first = arrival + chance.uniform(0, 30, count).round(1)
    rows = (chance.integers(0, 3, count), arrival, first, first + chance.choice([0, 0.3, 5, 33.0], count))
    items = requests(*zip(*rows, chance.integers(1, 90, count), chance.integers(1, 90, count), strict=True))
    assert fair_share(items) == pytest.approx(_by_hand(items), rel=1e-9)


def _by_hand(items: dict[str, Array]) -> float:
    begin, users = items["arrival"].min(), np.unique(items["user"])
    total = weighted = 0.0
    for k in range(int((items["finish"].max() - begin) / WINDOW) + 1):
        low, high = begin + k * WINDOW, begin + (k + 1) * WINDOW
        want, get = np.zeros(len(users)), np.zeros(len(users))
        for place, user in enumerate(users):
            for i in np.flatnonzero(items["user"] == user):
                served = [_served(items, int(i), time) if time > begin else 0.0 for time in (low, high)]
                asked = items["prompt"][i] + OUTPUT * items["output"][i] if items["arrival"][i] <= high else 0.0
                want[place] += max(asked - served[0], 0.0) if asked else 0.0
                get[place] += served[1] - served[0]
        asks = want > 1e-6
        if asks.sum() > 1 and get.sum() > 1e-6:
            total += get.sum()
            weighted += get.sum() * jain(get[asks] / max_min(want[asks], get.sum()))
    return weighted / total


def _served(items: dict[str, Array], i: int, time: float) -> float:
    first, finish = items["first_token"][i], items["finish"][i]
    part = 1.0 if time >= finish else 0.0 if time <= first else (time - first) / (finish - first)
    return float(items["prompt"][i] * (time >= first) + OUTPUT * items["output"][i] * part)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(0, 300))
def test_max_min_shares_give_all_there_is_and_only_the_same_to_those_who_want_more(
    demands: list[float], capacity: float
) -> None:
    shares = max_min(np.array(demands), capacity)
    assert shares.sum() == pytest.approx(min(capacity, sum(demands)), abs=1e-9)
    assert (shares <= np.array(demands)).all()
    short = shares < np.array(demands)
    assert np.ptp(shares[short]) == 0 if short.any() else True
    assert not short.any() or (shares <= shares[short].max()).all()


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from([0.0, 0.5, 1.0, 3.0])), min_size=1, max_size=8),
    st.floats(0, 300),
)
def test_max_min_shares_by_weight_give_who_gets_less_the_most_for_their_weight(
    users: list[tuple[float, float]], capacity: float
) -> None:
    demands, weights = np.array(users).T
    shares = max_min(demands, capacity, weights)
    assert shares.sum() == pytest.approx(min(capacity, demands.sum()), abs=1e-9)
    assert (shares <= demands).all()
    heavy = weights > 0
    short = heavy & (shares < demands - 1e-9)
    if short.any():
        level = shares[short] / weights[short]
        assert np.ptp(level) == pytest.approx(0, abs=1e-9)
        assert (shares[heavy] / weights[heavy] <= level.max() + 1e-9).all()
        assert shares[~heavy].sum() == pytest.approx(0, abs=1e-9)
