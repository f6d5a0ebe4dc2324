"""The exams of the rooms for sequences: what a corpus, effort, dealer, packer or layout promises.

Each takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.train.batches.efforts.tokens import Tokens
>>> check_effort(Tokens())
"""

from itertools import islice

import numpy as np

from evenly.balance.packers import Packer
from evenly.train.batches.corpora import Corpus
from evenly.train.batches.dealers import Dealer, Step
from evenly.train.batches.efforts import Effort
from evenly.train.context.layouts import Layout

RANKS, BATCH, STEPS = 3, 5, 6


def check_effort(effort: Effort) -> None:
    """Longer sequences never take less time, all of them take some, and nobody's time hangs on others."""
    lengths = np.array([1, 2, 7, 100, 4096])
    seconds = effort.seconds(lengths)
    assert seconds.shape == lengths.shape, f"{effort}: {len(lengths)} sequences take {seconds.shape} times"
    assert np.isfinite(seconds).all(), f"{effort}: seconds are {seconds}"
    assert (seconds > 0).all(), f"{effort}: a sequence takes no time"
    assert (np.diff(seconds) > 0).all(), f"{effort}: a longer sequence takes less"
    alone = np.concatenate([effort.seconds(lengths[k : k + 1]) for k in range(len(lengths))])
    assert np.array_equal(alone, seconds), f"{effort}: a sequence alone takes another time"
    assert np.array_equal(effort.seconds(lengths, lengths), seconds), f"{effort}: its own length takes another time"
    assert (effort.seconds(lengths, 2 * lengths) >= seconds).all(), f"{effort}: attention at more length takes less"


def check_corpus(corpus: Corpus) -> None:
    """As many lengths as asked for, each at least 1 token; the same seed draws the same."""
    for count in (0, 1, 1000):
        drawn = corpus.draw(count, np.random.default_rng(3))
        assert drawn.shape == (count,), f"{corpus}: {drawn.shape} lengths instead of {count}"
        assert drawn.dtype.kind == "i", f"{corpus}: lengths of type {drawn.dtype}"
        assert (drawn >= 1).all(), f"{corpus}: a sequence without tokens"
        assert np.array_equal(drawn, corpus.draw(count, np.random.default_rng(3))), f"{corpus}: not repeatable"


def check_dealer(dealer: Dealer) -> None:
    """Every sequence of a full global batch is dealt once, to every rank in every step; any step can be the first."""
    lengths = np.random.default_rng(5).integers(1, 600, RANKS * BATCH * STEPS + BATCH)
    costs = lengths.astype(np.float64)
    steps = list(dealer.deal(lengths, costs, RANKS, BATCH))
    dealt = np.sort(np.concatenate([part for step in steps for rank in step for part in rank]))
    assert np.array_equal(dealt, np.arange(RANKS * BATCH * STEPS)), f"{dealer}: a sequence is dealt twice or never"
    assert all(len(step) == RANKS for step in steps), f"{dealer}: a step leaves a rank out"
    assert all(len(part) for step in steps for rank in step for part in rank), f"{dealer}: an empty micro-batch"
    counts = {len({len(rank) for rank in step}) for step in steps}
    assert counts == {1}, f"{dealer}: ranks of a step have different numbers of micro-batches"
    for start in (1, len(steps)):
        rest = list(dealer.deal(lengths, costs, RANKS, BATCH, start))
        assert _same(rest, steps[start:]), f"{dealer}: begun at step {start} it deals otherwise"
    first = list(islice(dealer.deal(lengths, costs, RANKS, BATCH), 1))
    assert _same(first, steps[:1]), f"{dealer}: equal arguments give other steps"
    assert not list(dealer.deal(lengths[:2], costs[:2], RANKS, BATCH)), f"{dealer}: deals less than a global batch"


def check_packer(packer: Packer) -> None:
    """Every item has a pack, no pack is over-full, none is empty."""
    for count in (0, 1, 200):
        sizes = np.random.default_rng(count).integers(1, 65, count)
        home = packer.pack(sizes, 64)
        assert home.shape == sizes.shape, f"{packer}: {home.shape} places for {count} items"
        used = np.bincount(home, sizes)
        assert (used <= 64).all(), f"{packer}: a pack holds {used.max(initial=0)} of 64"
        assert (used > 0).all(), f"{packer}: an empty pack"


def check_layout(layout: Layout) -> None:
    """Every pair of a query and an earlier key of its document is computed once, wherever; nothing is sent alone."""
    for documents in (np.array([960]), np.array([48, 480, 144, 288])):
        for ranks in (1, 2, 4, 6):
            found = layout.spread(documents, ranks)
            pairs = float((documents * (documents + 1) / 2).sum())
            assert np.isclose(found.pairs.sum(), pairs), f"{layout}: {found.pairs.sum():g} pairs instead of {pairs:g}"
            assert (found.pairs >= 0).all(), f"{layout}: fewer than no pairs"
            assert found.pairs.shape[1] == ranks, f"{layout}: {found.pairs.shape[1]} ranks instead of {ranks}"
            assert found.pairs.shape[0] == (ranks if found.ring else 1), f"{layout}: a ring has a step a rank"


def _same(one: list[Step], other: list[Step]) -> bool:
    def flat(steps: list[Step]) -> list[tuple[int, int, list[int]]]:
        return [(k, r, part.tolist()) for k, step in enumerate(steps) for r, rank in enumerate(step) for part in rank]

    return flat(one) == flat(other)
