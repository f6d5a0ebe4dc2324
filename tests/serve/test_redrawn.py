"""Priorities that are drawn anew: uniform, the same for every engine, and as sticky as asked for."""

import numpy as np

from evenly.core import Floats
from evenly.kernel.serving.records import FLOW, REQUEST
from evenly.papers import fastswitch
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.engines.vllm_swap import VllmSwap
from evenly.serve.orders.redrawn import Redrawn

LOOKS = 60


def drawn(keep: float, seed: int = 3, count: int = 200) -> Floats:
    """Return the priorities by look and request."""
    requests = np.zeros(count, REQUEST).view(np.recarray)
    flows = np.zeros(1, FLOW)
    order = Redrawn(keep)
    memory = order.memory(seed, 1)
    ranks = np.empty((LOOKS, count))
    with np.errstate(over="ignore"):  # hashes wrap around
        for look in range(LOOKS):
            requests["drawn"] = look
            ranks[look] = [order.rank(0.0, 0, i, requests, flows, memory) for i in range(count)]
    return ranks


def test_draws_are_uniform_and_without_memory_at_keep_0() -> None:
    ranks = drawn(0.0)
    share = np.histogram(ranks, bins=10, range=(0, 1))[0] / ranks.size
    assert np.all(np.abs(share - 0.1) < 4 * np.sqrt(0.09 / ranks.size))
    assert not np.any(ranks[1:] == ranks[:-1])
    assert abs(np.corrcoef(ranks[1:].ravel(), ranks[:-1].ravel())[0, 1]) < 0.04
    assert abs(np.corrcoef(ranks[:, 1:].ravel(), ranks[:, :-1].ravel())[0, 1]) < 0.04


def test_a_priority_stays_as_often_as_keep_says() -> None:
    ranks = drawn(0.7)
    assert abs((ranks[1:] == ranks[:-1]).mean() - 0.7) < 0.02
    assert not np.array_equal(drawn(0.0), drawn(0.0, seed=4))


def test_engines_that_differ_in_speed_meet_the_same_priorities() -> None:
    """Ranks by request and look are what the kernel left at the end, whatever the engine."""
    trace = fastswitch._trace(2, fastswitch.TURNS, True)
    ends = []
    for engine in (Fastswitch(), VllmSwap()):
        rows = fastswitch.scenario_of(engine, 10.0, 0.0, 2).simulate(trace=trace).requests
        pairs = zip(rows["drawn"].tolist(), rows["rank"].tolist(), strict=True)
        ends.append({(i, look): rank for i, (look, rank) in enumerate(pairs)})
    both = set(ends[0]) & set(ends[1])
    assert len(both) > 20
    assert all(ends[0][key] == ends[1][key] for key in both)
