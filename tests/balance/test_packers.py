"""Packers keep their bounds; equal packs handled together are those of items put one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evenly.balance.packers.longest_pack_first import LongestPackFirst, filled
from evenly.balance.packers.next_fit import NextFit
from evenly.core import Ints

CAPACITY = 50
sizes = arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(1, CAPACITY))


def one_by_one(items: Ints, most: int) -> list[tuple[int, ...]]:
    """Return the packs of best fit, longest first, item by item."""
    packs: list[list[int]] = []
    for size in sorted(items.tolist(), reverse=True):
        fits = [p for p in packs if sum(p) + size <= CAPACITY and (not most or len(p) < most)]
        best = max(fits, key=sum, default=None)
        if best is None:
            packs.append([size])
        else:
            best.append(size)
    return [tuple(pack) for pack in packs]


@given(items=sizes, most=st.integers(0, 6))
def test_longest_pack_first_fills_as_many_packs_as_items_put_one_by_one(items: Ints, most: int) -> None:
    home = LongestPackFirst(most).pack(items, CAPACITY)
    assert home.max(initial=-1) + 1 == len(one_by_one(items, most))
    assert not most or np.bincount(home).max(initial=0) <= most
    assert np.bincount(home, items).max(initial=0) <= CAPACITY


@given(items=sizes)
def test_contents_hold_every_item(items: Ints) -> None:
    values, counts = np.unique(items, return_counts=True)
    contents = LongestPackFirst(4).contents(values, counts, CAPACITY)
    held = sorted(size for times, pack in contents for size in pack * times)
    assert held == sorted(items.tolist())
    if len(items):
        assert 0 < filled(contents, CAPACITY) <= 1


@given(items=sizes)
def test_next_fit_takes_at_most_twice_the_packs_and_keeps_the_order(items: Ints) -> None:
    home = NextFit().pack(items, CAPACITY)
    assert np.all(np.diff(home) >= 0)
    assert home.max(initial=-1) + 1 <= max(2 * items.sum() / CAPACITY, 0) + 1


def test_an_item_that_fits_nowhere_is_named() -> None:
    for packer in (NextFit(), LongestPackFirst()):
        with pytest.raises(ValueError, match="item 1 of size 51 fits into no pack of 50"):
            packer.pack(np.array([3, 51]), CAPACITY)
