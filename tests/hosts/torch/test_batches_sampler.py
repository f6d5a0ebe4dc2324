"""The batch sampler: every sequence once, the same on all ranks, and on from where it stopped. Needs no torch."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.partitioners.blocks import Blocks
from evenly.core import Ints
from evenly.hosts.torch.batches.sampler import DistributedBatchSampler
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.tokens import Tokens

LENGTHS = np.random.default_rng(0).integers(1, 513, 203)


def sampler(rank: int, ranks: int = 4, batch: int = 5, **changes: object) -> DistributedBatchSampler:
    return DistributedBatchSampler(LENGTHS, batch, rank=rank, ranks=ranks, **changes)  # type: ignore[arg-type]


@settings(max_examples=25)
@given(ranks=st.integers(1, 5), batch=st.integers(1, 6), seed=st.integers(0, 9), most=st.sampled_from((0, 900)))
def test_the_ranks_share_a_permutation_of_the_sequences(ranks: int, batch: int, seed: int, most: int) -> None:
    dealer = Partitioned(max_tokens=most)
    made = [sampler(rank, ranks, batch, seed=seed, dealer=dealer) for rank in range(ranks)]
    dealt = [index for one in made for part in one for index in part]
    assert len(dealt) == len(set(dealt)) == len(LENGTHS) // (ranks * batch) * ranks * batch
    assert len({len(one) for one in made}) == 1, "all ranks have as many micro-batches"
    assert [len(list(one)) for one in made] == [len(one) for one in made]
    assert [list(one.counts()) for one in made] == [list(made[0].counts())] * ranks


def test_a_step_holds_the_sequences_of_a_sampler_without_balance() -> None:
    even, naive = ([list(sampler(rank, dealer=d)) for rank in range(4)] for d in (Partitioned(), Partitioned(Blocks())))
    for step in range(len(even[0])):
        assert {i for rank in even for i in rank[step]} == {i for rank in naive for i in rank[step]}
    assert even != naive


def imbalance(dealer: Partitioned) -> float:
    tokens = np.array([[LENGTHS[part].sum() for part in sampler(rank, dealer=dealer)] for rank in range(4)])
    return float((tokens.max(axis=0) / tokens.mean(axis=0)).mean())


def test_ranks_have_nearly_the_same_tokens() -> None:
    assert imbalance(Partitioned()) < 1.05 < 1.1 < imbalance(Partitioned(Blocks()))


@pytest.mark.parametrize("most", [0, 900])
@pytest.mark.parametrize("done", [0, 1, 4, 10])
def test_training_goes_on_where_it_stopped(done: int, most: int) -> None:
    first = sampler(2, dealer=Partitioned(max_tokens=most))
    first.set_epoch(3)
    whole = list(first)
    begin = sum(islice(first.counts(), done))
    drawing = iter(first)
    for _ in range(begin):
        next(drawing)
    state = first.state_dict()
    assert state["step"] == done
    assert state == first.state_dict(step=done)
    resumed = sampler(2, dealer=Partitioned(max_tokens=most))
    resumed.load_state_dict(state)
    assert len(resumed) == len(whole) - begin
    assert list(resumed) == whole[begin:]
    assert list(resumed) == whole, "and the iteration after it is whole again"


def test_a_resumed_loop_over_epochs_goes_on_in_the_middle_of_one() -> None:
    """The loop that everybody writes: it names the epoch, asks for batches, and then how many of them make a step."""
    dealer = Partitioned(max_tokens=700)
    first = sampler(1, dealer=dealer)
    first.set_epoch(2)
    whole, counts = list(first), list(first.counts())
    assert len(set(counts)) > 1
    resumed = sampler(1, dealer=dealer)
    resumed.load_state_dict(first.state_dict(step=3))
    resumed.set_epoch(2)
    batches = iter(resumed)
    assert list(resumed.counts()) == counts[3:]
    assert list(batches) == whole[sum(counts[:3]) :]
    assert resumed.state_dict()["step"] == len(counts)
    resumed.set_epoch(3)
    assert len(resumed) == len(list(resumed)) == sum(resumed.counts()), "the next epoch is whole"
    resumed.load_state_dict(first.state_dict(step=3))
    resumed.set_epoch(3)
    assert resumed.state_dict()["step"] == 0, "and so is another one than was loaded"


@pytest.mark.parametrize("place", [{"step": 11}, {"step": -1}, {"epoch": -1}])
def test_a_place_that_no_epoch_has_is_refused(place: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="an epoch is at least 0 and has 0 to 10 steps done"):
        sampler(0).load_state_dict({**sampler(0).state_dict(), **place})


def test_epochs_differ_and_repeat() -> None:
    one = sampler(0)
    zero = list(one)
    one.set_epoch(1)
    assert list(one) != zero
    one.set_epoch(0)
    assert list(one) == zero
    plain = sampler(0, shuffle=False, dealer=Partitioned(Blocks()))
    assert next(iter(plain)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranks": 2}, "the state was taken with ranks = 4, here it is 2"),
        ({"batch": 6}, "the state was taken with batch = 5, here it is 6"),
        ({"seed": 1}, "the state was taken with seed = 0, here it is 1"),
        ({"dealer": Partitioned(Blocks())}, "the state was taken with dealer = Partitioned"),
        ({"cost": Tokens()}, "the state was taken with costs_crc32"),
    ],
)
def test_a_state_of_another_training_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sampler(0, **changes).load_state_dict(sampler(0).state_dict())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lengths", "batch", "rank", "message"),
    [
        (LENGTHS, 0, 0, "batch is at least 1 sequence, not 0"),
        (LENGTHS, 5, 4, "rank is 0 to 3, one of 4 ranks, not 4"),
        (LENGTHS[:10], 5, 0, "lengths are at least 20 numbers, a global batch"),
        (np.append(LENGTHS, 0), 5, 0, "lengths are at least 1 token; sequence 203 has 0"),
    ],
)
def test_wrong_values_are_refused(lengths: Ints, batch: int, rank: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistributedBatchSampler(lengths, batch, rank=rank, ranks=4)
