"""Block groups keep the capacity of plain paging and own no page twice, whatever comes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from evenly.kernel.serving.group_pool import GroupPool, copies
from tests.kernel.plain_groups import PlainGroups

OWNERS = 5
owners = st.integers(0, OWNERS - 1)


class Pools(RuleBasedStateMachine):
    """The compiled pool beside the plain one, and beside plain paging, which only counts."""

    @initialize(pages=st.integers(1, 70))
    def open(self, pages: int) -> None:
        self.size = pages
        self.pool = GroupPool(pages, OWNERS)
        self.plain = PlainGroups(pages, OWNERS)
        self.paging = dict.fromkeys(range(OWNERS), 0)

    @rule(owner=owners, count=st.integers(0, 30), wanted=st.integers(1, 40))
    def grow(self, owner: int, count: int, wanted: int) -> None:
        fits = sum(self.paging.values()) + count <= self.size
        before = self.pool.pages(owner)
        assert self.pool.grow(owner, count, wanted) == fits
        assert self.plain.grow(owner, count, wanted) == fits
        self.paging[owner] += count * fits
        assert np.array_equal(self.pool.pages(owner)[: len(before)], before), "pages in use never move"

    @rule(owner=owners, wanted=st.integers(1, 40))
    def append(self, owner: int, wanted: int) -> None:
        self.grow(owner, 1, wanted)

    @rule(owner=owners, keep=st.integers(0, 40))
    def trim(self, owner: int, keep: int) -> None:
        before = self.pool.pages(owner)
        self.pool.trim(owner, keep)
        self.plain.trim(owner, keep)
        self.paging[owner] = min(keep, self.paging[owner])
        assert np.array_equal(self.pool.pages(owner), before[:keep])

    @rule(owner=owners)
    def free(self, owner: int) -> None:
        self.trim(owner, 0)

    @rule(owner=owners, rank=st.integers(0, 3))
    def rerank(self, owner: int, rank: int) -> None:
        self.pool.set_rank(owner, rank)
        self.plain.rank[owner] = rank

    @invariant()
    def no_page_is_owned_twice_and_none_is_lost(self) -> None:
        pages = np.concatenate([self.pool.pages(owner) for owner in range(OWNERS)])
        assert len(np.unique(pages)) == len(pages)
        assert [self.pool.held(owner) for owner in range(OWNERS)] == list(self.paging.values())
        assert self.pool.available == self.size - len(pages)

    @invariant()
    def runs_cover_the_pool_and_free_ones_never_touch(self) -> None:
        spans = self.pool.spans()
        assert np.abs(spans[:, 1]).sum() == self.size
        assert not any(one > 0 and other > 0 for one, other in pairwise(spans[:, 1]))

    @invariant()
    def runs_of_an_owner_are_maximal(self) -> None:
        for owner in range(OWNERS):
            runs = self.pool.runs(owner)
            assert (runs[1:, 0] != runs[:-1].sum(axis=1)).all()

    @invariant()
    def the_plain_pool_has_the_same_runs(self) -> None:
        for owner in range(OWNERS):
            assert self.pool.runs(owner).tolist() == [[g.page, g.used] for g in self.plain.groups[owner]]
        free = {(page, length) for page, length in self.pool.spans().tolist() if length > 0}
        assert free == set(self.plain.free)

    @invariant()
    def shared_runs_are_those_found_page_by_page(self) -> None:
        one, other = self.pool.pages(0), self.pool.pages(1)
        until = min(len(one), len(other))
        since = until // 3
        breaks = (np.diff(one[since:until]) != 1) | (np.diff(other[since:until]) != 1)
        expected = int(breaks.sum()) + 1 if until > since else 0
        assert copies(self.pool, 0, self.pool, 1, since, until) == expected


TestPools = Pools.TestCase
TestPools.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_a_group_is_the_smallest_run_that_holds_what_is_wanted() -> None:
    pool = GroupPool(100, 4)
    for owner, count in enumerate((10, 20, 30, 40)):
        assert pool.grow(owner, count)
    pool.trim(0)
    pool.trim(2)
    assert pool.grow(0, 5, wanted=12)
    assert pool.runs(0).tolist() == [[30, 5]]


def test_the_tail_of_the_last_in_rank_is_given_away_first() -> None:
    pool = GroupPool(30, 3)
    assert pool.grow(0, 1, wanted=20)
    assert pool.grow(1, 1, wanted=10)
    pool.set_rank(1, 1)
    assert pool.grow(2, 11)
    assert pool.runs(2).tolist() == [[21, 9], [18, 2]]
    assert pool.available == 17


@pytest.mark.parametrize(("pages", "owners"), [(0, 1), (1, 0)])
def test_an_empty_pool_is_refused(pages: int, owners: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 page and 1 owner, not {pages} and {owners}"):
        GroupPool(pages, owners)


def test_an_unknown_owner_is_refused() -> None:
    with pytest.raises(ValueError, match="owners are 0 to 1, not 2"):
        GroupPool(1, 2).grow(2, 1)
