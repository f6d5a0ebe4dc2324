"""Partitioned batches keep the rules of their source, and nothing of a global batch leaves it."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evenly.balance.partitioners import partitioners
from evenly.balance.partitioners.blocks import Blocks
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.balance.partitioners.snake import Snake
from evenly.core import Ints
from evenly.train.batches.corpora.lognormal import Lognormal
from evenly.train.batches.dealers.grouped import Grouped
from evenly.train.batches.dealers.outliers import Outliers
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.scenario import BatchesScenario

some = arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(1, 512))


@given(
    lengths=some, ranks=st.integers(1, 4), batch=st.integers(1, 5), name=st.sampled_from(("blocks", "snake", "stride"))
)
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


def test_outliers_wait_until_every_micro_batch_can_get_one() -> None:
    lengths = np.array([900, 10, 10, 10, 10, 10, 900, 10, 10, 10, 10, 10])
    steps = list(Outliers(outlier=500).deal(lengths, lengths.astype(float), 2, 2))
    assert [sorted(np.concatenate([part for rank in step for part in rank]).tolist()) for step in steps] == [
        [1, 2, 3],
        [0, 4, 5, 6, 7],
        [8, 9, 10, 11],
    ]
    weights = [[sum(int(lengths[part].sum()) for part in rank) for rank in step] for step in steps]
    assert weights[1][0] == pytest.approx(weights[1][1], abs=10)


def test_a_micro_batch_takes_no_more_tokens_than_it_may_while_another_one_has_room() -> None:
    lengths = np.array([60, 30, 30, 10, 10, 10])
    (step,) = Outliers(max_tokens=80).deal(lengths, lengths.astype(float) ** 2, 2, 3)
    assert sorted(int(lengths[part].sum()) for rank in step for part in rank) == [70, 80]
    (crowded,) = Outliers(max_tokens=40).deal(lengths, lengths.astype(float) ** 2, 2, 3)
    assert sum(len(part) for rank in crowded for part in rank) == 6, "and what fits nowhere is placed all the same"


def test_waiting_outliers_even_steps_that_no_deal_of_the_same_sequences_could() -> None:
    corpus = Lognormal(median=2000, sigma=1.5, longest=131_072)
    run = BatchesScenario(corpus=corpus, ranks=8, batch=4, steps=60)
    lengths = run.lengths()
    kept, dealt = (
        replace(run, deal=deal).account(lengths).metrics() for deal in (Outliers(outlier=16_384), Partitioned())
    )
    assert kept["step_mean"] < 0.9 * dealt["step_mean"]
    assert kept["delay_mean"] > dealt["delay_mean"] == 0


@given(lengths=some, ranks=st.integers(1, 3), window=st.integers(1, 4))
def test_grouped_batches_hold_neighbours_in_length(lengths: Ints, ranks: int, window: int) -> None:
    steps = list(Grouped(window).deal(lengths, lengths.astype(float), ranks, 2))
    for first in range(0, len(steps), window):
        ranges = sorted(
            (min(tokens), max(tokens))
            for step in steps[first : first + window]
            for tokens in [[int(n) for rank in step for part in rank for n in lengths[part]]]
        )
        assert all(one[1] <= other[0] for one, other in pairwise(ranges)), "steps of a window do not overlap"


def test_grouped_batches_need_little_padding() -> None:
    run = BatchesScenario(padding="longest", ranks=4, batch=8, steps=100)
    lengths = run.lengths()
    grouped, naive = (replace(run, deal=deal).account(lengths).metrics() for deal in (Grouped(), Partitioned(Blocks())))
    assert grouped["padding"] < 0.05
    assert naive["padding"] > 0.4
