"""Partitioned batches keep the rules of their source, and nothing of a global batch leaves it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evenly.balance.partitioners import partitioners
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.balance.partitioners.snake import Snake
from evenly.core import Ints
from evenly.train.batches.dealers.partitioned import Partitioned

some = arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(1, 512))


@given(lengths=some, ranks=st.integers(1, 4), batch=st.integers(1, 5), name=st.sampled_from(("blocks", "snake", "stride")))
def test_a_step_trains_on_the_sequences_of_its_global_batch(lengths: Ints, ranks: int, batch: int, name: str) -> None:
    whole = ranks * batch
    steps = list(Partitioned(partitioners[name]()).deal(lengths, lengths.astype(float), ranks, batch))
    assert len(steps) == len(lengths) // whole
    for k, step in enumerate(steps):
        dealt = np.sort(np.concatenate([part for rank in step for part in rank]))
        assert dealt.tolist() == list(range(k * whole, (k + 1) * whole))
        assert [sum(map(len, rank)) for rank in step] == [batch] * ranks


@given(lengths=arrays.arrays(np.int64, 24, elements=st.integers(1, 512)), most=st.integers(512, 4000))
def test_all_ranks_run_as_many_micro_batches_as_the_fullest_one_needs(lengths: Ints, most: int) -> None:
    (step,) = Partitioned(Snake(), max_tokens=most).deal(lengths, lengths.astype(float), 3, 8)
    tokens = [sum(int(lengths[part].sum()) for part in rank) for rank in step]
    assert {len(rank) for rank in step} == {min(8, math.ceil(max(tokens) / most))}


def test_the_lightest_micro_batches_stand_at_both_ends() -> None:
    lengths = np.array([10, 20, 30, 40, 50, 60])
    (step,) = Partitioned(LongestFirst(), max_tokens=35).deal(lengths, lengths.astype(float), 1, 6)
    assert [int(lengths[part].sum()) for part in step[0]] == [20, 40, 60, 50, 30, 10]


def test_micro_batches_are_a_multiple_of_the_stages_or_the_error_says_why_not() -> None:
    lengths = np.full(16, 100)
    (step,) = Partitioned(max_tokens=250, multiple=4).deal(lengths, lengths.astype(float), 2, 8)
    assert [len(rank) for rank in step] == [4, 4]
    with pytest.raises(ValueError, match="makes 9 micro-batches, but a rank has 8 sequences"):
        list(Partitioned(max_tokens=250, multiple=9).deal(lengths, lengths.astype(float), 2, 8))


@given(lengths=arrays.arrays(np.int64, 32, elements=st.integers(1, 512)))
def test_dealing_by_a_predicted_cost_evens_the_cost_and_not_the_tokens(lengths: Ints) -> None:
    costs = lengths.astype(float) ** 2
    (step,) = Partitioned(LongestFirst()).deal(lengths, costs, 4, 8)
    weights = [sum(float(costs[part].sum()) for part in rank) for rank in step]
    assert max(weights) <= costs.sum() / 4 + costs.max() + 1e-9
