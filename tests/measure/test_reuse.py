"""Rank correlation and prefix reuse, by brute force and by another's implementation."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import spearmanr

from evenly.core import Floats, Ints, Prefixes, Trace
from evenly.measure.association import ranks, spearman
from evenly.measure.reuse import reuse, seen_before

whole = arrays.arrays(np.int64, st.integers(2, 40), elements=st.integers(0, 9))


@given(one=whole, seed=st.integers(0, 99))
def test_rank_correlation_equals_that_of_scipy(one: Ints, seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 9, len(one))
    assume(len(np.unique(one)) > 1 and len(np.unique(other)) > 1)
    assert spearman(one, other) == pytest.approx(float(spearmanr(one, other).statistic), abs=1e-9)


@given(one=whole, other=whole)
def test_rank_correlation_is_symmetric_bounded_and_blind_to_rising_maps(one: Ints, other: Ints) -> None:
    one, other = one[: len(other)], other[: len(one)]
    found = spearman(one, other)
    assert found == pytest.approx(spearman(other, one), nan_ok=True)
    assert np.isnan(found) or -1 <= found <= 1
    assert spearman(np.exp(one), other) == pytest.approx(found, nan_ok=True)


@given(values=whole)
def test_ranks_add_up(values: Ints) -> None:
    assert ranks(values).sum() == len(values) * (len(values) + 1) / 2


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3 rows"):
        spearman(np.arange(2), np.arange(3))


@given(ids=arrays.arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 12)))
def test_a_block_is_new_once_and_known_ever_after(ids: Ints) -> None:
    assert seen_before(ids).tolist() == [block in ids[:k] for k, block in enumerate(ids)]


@given(data=st.data(), block=st.integers(1, 32))
def test_reuse_equals_that_of_a_set_of_blocks(data: st.DataObject, block: int) -> None:
    prompts = data.draw(st.lists(st.integers(1, 200), min_size=1, max_size=12))
    counts = [-(-prompt // block) for prompt in prompts]
    ids: list[list[int]] = []
    for count in counts:
        shared = data.draw(st.integers(0, count))
        source = data.draw(st.sampled_from(ids)) if ids else []
        fresh = 1000 * (len(ids) + 1)
        ids.append(source[:shared] + [fresh + k for k in range(count - len(source[:shared]))])
    flat = np.array([block_id for row in ids for block_id in row])
    prefixes = Prefixes(np.concatenate(([0], np.cumsum(counts))), flat, block)
    trace = Trace(
        np.arange(len(prompts), dtype=np.float64), np.array(prompts), np.ones(len(prompts), int), prefixes=prefixes
    )
    cache: set[int] = set()
    hits, tokens = 0, 0
    for prompt, row in zip(prompts, ids, strict=True):
        known = sum(one in cache for one in row)
        hits, tokens = hits + known, tokens + min(known * block, prompt)
        cache |= set(row)
    found = reuse(trace)
    assert found is not None
    assert found.blocks == pytest.approx(hits / sum(counts))
    assert found.tokens == pytest.approx(tokens / sum(prompts))
    assert found.distinct == len(cache)


def test_a_trace_without_ids_has_no_reuse() -> None:
    lengths: Floats = np.ones(2)
    assert reuse(Trace(np.zeros(2), lengths.astype(np.int64), lengths.astype(np.int64))) is None
