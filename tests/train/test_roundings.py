"""Roundings cover every sequence, and the least work is the least of all groupings."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Ints
from evenly.train.unpadded.costs import Costs, fitted
from evenly.train.unpadded.roundings import roundings
from evenly.train.unpadded.roundings.kernels import Kernels
from evenly.train.unpadded.roundings.least_work import LeastWork
from evenly.train.unpadded.roundings.multiples import Multiples

LENGTHS = st.lists(st.integers(1, 600), min_size=1, max_size=9).map(np.array)


@pytest.mark.parametrize("name", roundings)
@given(lengths=LENGTHS)
def test_a_rounding_covers_every_sequence_and_keeps_their_order(name: str, lengths: Ints) -> None:
    rounded = roundings[name]().up(lengths)
    assert rounded.shape == lengths.shape
    assert (rounded >= lengths).all()
    order = np.argsort(lengths, kind="stable")
    assert (np.diff(rounded[order]) >= 0).all()
    assert roundings[name]().up(lengths[::-1]).tolist() == rounded[::-1].tolist()


def work(rounded: Ints, call: float) -> float:
    return float((rounded.astype(float) ** 2).sum()) + call * len(np.unique(rounded))


@given(lengths=LENGTHS, call=st.floats(0, 1e6))
def test_the_least_work_is_the_least_over_all_choices_of_lengths(lengths: Ints, call: float) -> None:
    sizes = np.unique(lengths)
    ways = [
        np.array(sorted({*chosen, int(sizes[-1])}))
        for count in range(len(sizes))
        for chosen in combinations(sizes[:-1].tolist(), count)
    ]
    best = min(work(edges[np.searchsorted(edges, lengths)], call) for edges in ways)
    assert work(LeastWork(call).up(lengths), call) == pytest.approx(best)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Kernels((256, 128)), r"ascending lengths of at least 1 token, not \[256, 128\]"),
        (lambda: Kernels(()), "ascending lengths"),
        (lambda: Multiples(0), "at least 1 token, not 0"),
        (lambda: LeastWork(-1.0), "at least 0, not -1.0"),
    ],
)
def test_wrong_settings_are_told(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_costs_are_found_again_from_steps_that_they_explain() -> None:
    true = Costs(token=2e-5, square=3e-9, call=1e-4, fixed=0.01)
    chance = np.random.default_rng(1)
    rounded = [roundings[name]().up(chance.integers(1, 512, 16)) for name in roundings for _ in range(3)]
    tokens = [int(each.sum() * chance.uniform(0.5, 1.0)) for each in rounded]
    found = fitted(tokens, rounded, [true.seconds(count, each) for count, each in zip(tokens, rounded, strict=True)])
    assert found.token == pytest.approx(true.token)
    assert found.square == pytest.approx(true.square)
    assert found.call == pytest.approx(true.call)
    assert found.fixed == pytest.approx(true.fixed)
