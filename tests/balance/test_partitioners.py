"""Every partitioner keeps its bound; the exact solver is checked by trying everything."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evenly.balance.exact import exact
from evenly.balance.partitioners import partitioners
from evenly.balance.partitioners.blocks import Blocks
from evenly.balance.partitioners.greedy import Greedy
from evenly.balance.partitioners.karmarkar_karp import KarmarkarKarp
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.balance.partitioners.snake import Snake
from evenly.balance.partitioners.stride import Stride
from evenly.core import Floats, Ints

number = st.integers(0, 1000).map(float)
few = arrays.arrays(np.float64, st.integers(1, 9), elements=number)
some = arrays.arrays(np.float64, st.integers(0, 60), elements=number)


def weights(home: Ints, sizes: Floats, parts: int) -> Floats:
    return np.bincount(home, sizes, parts).astype(np.float64)


@given(sizes=arrays.arrays(np.float64, st.integers(1, 7), elements=number), parts=st.integers(1, 3))
def test_the_exact_solver_finds_what_trying_everything_finds(sizes: Floats, parts: int) -> None:
    every = itertools.product(range(parts), repeat=len(sizes))
    best = min(weights(np.array(home), sizes, parts).max() for home in every)
    assert weights(exact(sizes, parts), sizes, parts).max() == pytest.approx(best)


@given(sizes=arrays.arrays(np.float64, st.just(6), elements=number))
def test_the_exact_solver_respects_places(sizes: Floats) -> None:
    every = itertools.product(range(3), repeat=6)
    even = (np.array(home) for home in every if max(np.bincount(home, minlength=3)) <= 2)
    best = min(weights(home, sizes, 3).max() for home in even)
    home = exact(sizes, 3, places=2)
    assert np.bincount(home, minlength=3).max() <= 2
    assert weights(home, sizes, 3).max() == pytest.approx(best)


@given(sizes=few, parts=st.integers(1, 4))
def test_longest_first_keeps_grahams_bound(sizes: Floats, parts: int) -> None:
    best = weights(exact(sizes, parts), sizes, parts).max()
    assert weights(LongestFirst().split(sizes, parts), sizes, parts).max() <= (4 / 3 - 1 / (3 * parts)) * best + 1e-9


@given(sizes=few, parts=st.integers(1, 4))
def test_karmarkar_karp_keeps_its_bound(sizes: Floats, parts: int) -> None:
    best = weights(exact(sizes, parts), sizes, parts).max()
    assert weights(KarmarkarKarp().split(sizes, parts), sizes, parts).max() <= (4 / 3 - 1 / (3 * parts)) * best + 1e-9


@given(sizes=some, parts=st.integers(1, 9))
def test_snake_differs_by_at_most_the_longest_item(sizes: Floats, parts: int) -> None:
    home = Snake().split(sizes, parts)
    assert np.ptp(weights(home, sizes, parts)) <= sizes.max(initial=0.0) + 1e-9
    assert np.ptp(np.bincount(home, minlength=parts)) <= 1


@given(sizes=some, parts=st.integers(1, 9))
def test_stride_deals_equal_numbers(sizes: Floats, parts: int) -> None:
    assert np.ptp(np.bincount(Stride().split(sizes, parts), minlength=parts)) <= 1


@given(sizes=some, parts=st.integers(1, 9))
def test_blocks_are_runs_of_equal_number(sizes: Floats, parts: int) -> None:
    home = Blocks().split(sizes, parts)
    assert np.all(np.diff(home) >= 0)
    assert np.ptp(np.bincount(home, minlength=parts)) <= 1


@given(sizes=some, parts=st.integers(1, 9))
def test_equal_counts_differ_by_at_most_one_item(sizes: Floats, parts: int) -> None:
    for plugin in (LongestFirst(equal_counts=True), KarmarkarKarp(equal_counts=True)):
        home = plugin.split(sizes, parts)
        assert np.ptp(np.bincount(home, minlength=parts)) <= 1
        np.testing.assert_array_equal(home, plugin.split(sizes.copy(), parts))


@given(each=st.integers(1, 7), parts=st.integers(1, 9), data=st.data())
def test_a_stride_deal_of_sorted_items_spreads_by_at_most_their_range(
    each: int, parts: int, data: st.DataObject
) -> None:
    sizes = data.draw(arrays.arrays(np.float64, each * parts, elements=number))
    home = Stride(longest_first=True).split(sizes, parts)
    assert np.ptp(weights(home, sizes, parts)) <= np.ptp(sizes) + 1e-9
    assert np.ptp(np.bincount(home, minlength=parts)) == 0


@given(half=st.integers(1, 5), data=st.data())
def test_equal_counts_never_beat_the_best_and_are_near_it(half: int, data: st.DataObject) -> None:
    sizes = data.draw(arrays.arrays(np.float64, 2 * half, elements=number))
    best = weights(exact(sizes, 2, places=half), sizes, 2).max()
    for plugin in (LongestFirst(equal_counts=True), KarmarkarKarp(equal_counts=True)):
        peak = weights(plugin.split(sizes, 2), sizes, 2).max()
        assert best - 1e-9 <= peak <= best + sizes.max()


def test_deals_by_size_are_more_even_the_more_they_look() -> None:
    """Averages over 100 draws of 8 parts of 16 items: as they come, stride, snake, longest first, differencing."""
    chance = np.random.default_rng(2)
    plugins = (
        *(Blocks(), Stride(longest_first=True), Snake()),
        *(LongestFirst(equal_counts=True), KarmarkarKarp(equal_counts=True)),
    )
    peaks = np.zeros(len(plugins))
    for _ in range(100):
        sizes = chance.random(128)
        peaks += [weights(plugin.split(sizes, 8), sizes, 8).max() for plugin in plugins]
    assert np.all(np.diff(peaks) < 0)


@given(sizes=some, parts=st.integers(1, 9), longest_first=st.booleans())
def test_greedy_keeps_grahams_first_bound(sizes: Floats, parts: int, longest_first: bool) -> None:
    peak = weights(Greedy(longest_first=longest_first).split(sizes, parts), sizes, parts).max()
    assert peak <= sizes.sum() / parts + (1 - 1 / parts) * sizes.max(initial=0.0) + 1e-9


@given(sizes=some, parts=st.integers(1, 9))
def test_greedy_respects_its_places(sizes: Floats, parts: int) -> None:
    places = max(1, -(-len(sizes) // parts))
    assert np.bincount(Greedy(places=places).split(sizes, parts), minlength=parts).max() <= places


def test_too_few_places_are_an_error_that_says_how_many_it_takes() -> None:
    with pytest.raises(ValueError, match="cannot hold 5 items; places must be 3"):
        Greedy(places=2).split(np.ones(5), 2)


@pytest.mark.parametrize("name", list(partitioners))
@given(sizes=some, parts=st.integers(1, 9))
def test_every_partitioner_places_every_item_once_and_the_same_way_again(name: str, sizes: Floats, parts: int) -> None:
    plugin = partitioners[name]()
    home = plugin.split(sizes, parts)
    assert home.shape == sizes.shape
    assert np.all((home >= 0) & (home < parts))
    np.testing.assert_array_equal(home, plugin.split(sizes.copy(), parts))


def test_karmarkar_karp_beats_longest_first_on_random_sizes() -> None:
    chance = np.random.default_rng(0)
    spreads = {"kk": 0.0, "lpt": 0.0}
    for _ in range(20):
        sizes = chance.random(200)
        spreads["kk"] += np.ptp(weights(KarmarkarKarp().split(sizes, 4), sizes, 4))
        spreads["lpt"] += np.ptp(weights(LongestFirst().split(sizes, 4), sizes, 4))
    assert spreads["kk"] < 0.05 * spreads["lpt"]


@given(half=st.integers(1, 5), data=st.data())
def test_greedy_longest_first_with_two_places_is_the_best_pairing(half: int, data: st.DataObject) -> None:
    sizes = data.draw(arrays.arrays(np.float64, 2 * half, elements=number))
    best = weights(exact(sizes, half, places=2), sizes, half).max()
    home = Greedy(places=2, longest_first=True).split(sizes, half)
    assert weights(home, sizes, half).max() == pytest.approx(best)


@pytest.mark.parametrize("name", list(partitioners))
def test_every_partitioner_takes_nothing_zeros_and_more_parts_than_items(name: str) -> None:
    plugin = partitioners[name]()
    assert plugin.split(np.empty(0), 3).tolist() == []
    zeros = plugin.split(np.zeros(5), 2)
    assert len(zeros) == 5
    assert set(zeros.tolist()) <= {0, 1}
    spread = plugin.split(np.array([3.0, 2.0]), 4)
    assert len(set(spread.tolist())) == 2


def test_equal_counts_cost_differencing_its_lead_where_sizes_have_a_long_tail() -> None:
    chance, peaks = np.random.default_rng(3), np.zeros(3)
    plugins = (KarmarkarKarp(), LongestFirst(equal_counts=True), KarmarkarKarp(equal_counts=True))
    for _ in range(100):
        sizes = chance.lognormal(0, 0.5, 128)
        peaks += [weights(plugin.split(sizes, 8), sizes, 8).max() for plugin in plugins]
    assert np.all(np.diff(peaks) > 0)


def differencing(sizes: Floats, parts: int) -> list[float]:
    """Return the weights of largest differencing with equal counts, written out plainly with lists of sums."""
    rising = sorted(sizes.tolist())
    states = [sorted(rising[k : k + parts]) for k in range(0, len(rising), parts)]
    while len(states) > 1:
        states.sort(key=lambda state: state[-1] - state[0])
        one, other = states.pop(), states.pop()
        states.append(sorted(a + b for a, b in zip(one, reversed(other), strict=True)))
    return states[0]


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_differencing_with_equal_counts_is_what_is_written_out_plainly(parts: int) -> None:
    chance = np.random.default_rng(parts)
    for _ in range(20):
        sizes = chance.random(7 * parts)
        home = KarmarkarKarp(equal_counts=True).split(sizes, parts)
        assert sorted(weights(home, sizes, parts)) == pytest.approx(differencing(sizes, parts))
