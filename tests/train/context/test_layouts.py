"""Pairs of every layout are those of the mask, counted one by one; and the laws that each layout is named for."""

import itertools

import numpy as np
import pytest

from evenly.core import Floats, Ints
from evenly.train.context.layouts import layouts
from evenly.train.context.layouts.ring import Ring
from evenly.train.context.layouts.striped import Striped
from evenly.train.context.layouts.ulysses import Ulysses
from evenly.train.context.layouts.zigzag import Zigzag
from evenly.train.context.scenario import ContextScenario, finish

RANKS = 4


def counted(owner: Ints, document: Ints) -> Floats:
    """Return pairs by step and rank from the mask itself; `owner` and `document` are those of each token."""
    pairs = np.zeros((RANKS, RANKS))
    for query in range(len(owner)):
        for key in range(query + 1):
            if document[key] == document[query]:
                pairs[(owner[query] - owner[key]) % RANKS, owner[query]] += 1
    return pairs


def owners(name: str, lengths: list[int]) -> Ints:
    """Return the rank of each token."""
    zigzag = [*range(RANKS), *reversed(range(RANKS))]
    if name == "ring":
        return np.repeat(np.arange(RANKS), sum(lengths) // RANKS)
    if name == "packed":
        return np.repeat(zigzag, sum(lengths) // (2 * RANKS))
    if name == "zigzag":
        return np.concatenate([np.repeat(zigzag, length // (2 * RANKS)) for length in lengths])
    return np.concatenate([np.arange(length) % RANKS for length in lengths])


@pytest.mark.parametrize(
    ("name", "layout"),
    [("ring", Ring()), ("zigzag", Zigzag()), ("packed", Zigzag(by_document=False)), ("striped", Striped())],
)
@pytest.mark.parametrize("lengths", [[48], [16, 8, 40]])
def test_pairs_are_those_of_the_mask(name: str, layout: Ring, lengths: list[int]) -> None:
    document = np.repeat(np.arange(len(lengths)), lengths)
    assert np.allclose(layout.spread(np.array(lengths), RANKS).pairs, counted(owners(name, lengths), document))


@pytest.mark.parametrize("ranks", [2, 8, 64])
def test_the_last_rank_of_a_ring_of_stretches_has_nearly_twice_the_mean(ranks: int) -> None:
    pairs = Ring().spread(np.array([ranks * 10_000]), ranks).pairs.sum(axis=0)
    assert pairs.argmax() == ranks - 1
    assert pairs.max() / pairs.mean() == pytest.approx((2 * ranks - 1) / ranks, rel=1e-3)


def test_zigzag_is_even_in_every_step_and_on_packed_documents_only_by_document() -> None:
    lengths = np.array([160, 16, 800, 48])
    even, packed = Zigzag().spread(lengths, RANKS).pairs, Zigzag(by_document=False).spread(lengths, RANKS).pairs
    assert np.allclose(even, even[:, :1])
    assert packed.sum(axis=0).max() > 1.1 * packed.sum(axis=0).mean()


def test_striped_differs_by_a_diagonal() -> None:
    pairs = Striped().spread(np.array([4000]), RANKS).pairs
    assert np.ptp(pairs.sum(axis=0)) <= 4000
    assert np.ptp(pairs, axis=1).max() <= 1000


def plain(work: Floats, transfer: float) -> float:
    """Return the end of a ring by looking at each rank in turn."""
    begin = {(0, rank): 0.0 for rank in range(work.shape[1])}
    for step, rank in itertools.product(range(1, len(work)), range(work.shape[1])):
        neighbour = (rank - 1) % work.shape[1]
        done = begin[step - 1, rank] + work[step - 1, rank]
        begin[step, rank] = max(done, begin[step - 1, neighbour] + transfer)
    return max(begin[len(work) - 1, rank] + float(work[-1, rank]) for rank in range(work.shape[1]))


def test_a_ring_ends_when_a_plain_loop_says() -> None:
    chance = np.random.default_rng(1)
    for _ in range(20):
        work, transfer = chance.random((5, 5)), float(chance.random())
        assert finish(work, transfer, ring=True) == pytest.approx(plain(work, transfer))


def test_an_even_ring_steps_at_the_slower_of_work_and_link() -> None:
    assert finish(np.full((4, 4), 1.0), 3.0, ring=True) == pytest.approx(3 * 3.0 + 1.0)
    assert finish(np.full((4, 4), 3.0), 1.0, ring=True) == pytest.approx(12.0)


@pytest.mark.parametrize("name", list(layouts))
def test_no_layout_beats_the_ideal_and_a_slower_link_helps_none(name: str) -> None:
    fast, slow = (
        ContextScenario(layout=layouts[name](), tokens=32_768, link=link).run() for link in ("nvlink5", "pcie4")
    )
    assert 0 < slow.metrics["ideal_share"] <= fast.metrics["ideal_share"] <= 1 + 1e-9
    assert slow.metrics["exposed"] >= fast.metrics["exposed"] - 1e-9


def test_ulysses_needs_a_head_a_rank() -> None:
    with pytest.raises(ValueError, match="ranks is at most 8 where they share heads, not 16"):
        ContextScenario(layout=Ulysses(), heads=8, ranks=16).check()
    assert ContextScenario(layout=Ulysses(), heads=8, ranks=8).run().metrics["imbalance"] == 1
