"""The compiled loop does what the plain one does, and what is left of a run is conserved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.kernel.offload import records
from evenly.kernel.offload.asked import Asked
from evenly.kernel.offload.simulation import hits, replay
from evenly.offload.caches import Cache, caches
from evenly.offload.caches.belady import Belady
from evenly.offload.caches.least_recent import LeastRecent
from evenly.offload.costs import Costs
from evenly.offload.memory import residents
from evenly.offload.prefetches import prefetches
from evenly.offload.routings import Shape
from evenly.offload.routings.autoregressive import Autoregressive
from evenly.offload.schedulers import schedulers
from tests.offload.plain import Plain

SHAPE = Shape(layers=5, experts=9, active=3)
COLUMNS = {
    "hits": records.HITS,
    "on_cpu": records.ON_CPU,
    "asks": records.ASKS,
    "prefetches": records.PREFETCHES,
    "used": records.USED,
    "fills": records.FILLS,
    "evictions": records.EVICTIONS,
}


def asked(seed: int, passes: int = 12, tokens: int = 1) -> Asked:
    return Autoregressive().draw(SHAPE, np.full(passes, tokens), seed)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scheduler=st.sampled_from(sorted(schedulers)),
    cache=st.sampled_from(sorted(caches)),
    prefetch=st.sampled_from(sorted(prefetches)),
    tokens=st.sampled_from([1, 1, 4]),
    ratio=st.sampled_from([0.34, 0.6, 1.0]),
    transfer=st.sampled_from([0.2e-3, 0.9e-3, 4e-3]),
)
def test_the_loop_is_that_of_plain_python(
    seed: int, scheduler: str, cache: str, prefetch: str, tokens: int, ratio: float, transfer: float
) -> None:
    drawn, costs = asked(seed, tokens=tokens), Costs(transfer=transfer)
    policies = schedulers[scheduler](), caches[cache](), prefetches[prefetch]()
    start = (drawn.loads > 0).mean(axis=0)
    begun = residents(start, ratio, policies[1].by_layers)
    run = replay(drawn, SHAPE.active, start, begun, *policies, costs.array(), costs.array())
    plain = Plain(drawn, SHAPE.active, start, begun, policies, costs).run()
    assert run.sums[:, records.SECONDS] == pytest.approx(plain.passes, rel=1e-12)
    assert {name: int(run.sums[:, column].sum()) for name, column in COLUMNS.items()} == plain.counts
    assert run.beside == plain.most


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_busy_times_fit_into_the_run_and_the_link_is_busy_for_every_transfer(seed: int) -> None:
    drawn, costs = asked(seed), Costs()
    start = (drawn.loads > 0).mean(axis=0)
    run = replay(
        drawn, SHAPE.active, start, residents(start, 0.34, False), schedulers["hybrid"](),
        caches["minus-recent-score"](), prefetches["impact"](), costs.array(), costs.array(),
    )  # fmt: skip
    total = run.sums.sum(axis=0)
    moved = total[records.ASKS] + total[records.PREFETCHES] + total[records.FILLS]
    assert total[records.LINK_BUSY] == pytest.approx(moved * costs.transfer)
    assert total[records.EVICTIONS] <= moved
    assert max(total[records.CPU_BUSY], total[records.DEVICE_BUSY]) <= total[records.SECONDS]
    assert total[records.ACTIVE] == drawn.loads.astype(bool).sum()


def test_a_plan_that_believes_other_costs_runs_at_the_real_ones() -> None:
    drawn, real = asked(3), Costs(token=8e-3)
    start = (drawn.loads > 0).mean(axis=0)
    policies = schedulers["hybrid"](), caches["fixed"](), prefetches["nothing"]()
    seconds = [
        replay(drawn, SHAPE.active, start, residents(start, 0.34, False), *policies, real.array(), believed.array())
        .sums[:, records.SECONDS]
        .sum()
        for believed in (real, Costs())
    ]
    assert seconds[1] > 1.5 * seconds[0], "who takes the CPU to be fast gives it too much"


def best_hits(loads: list[frozenset[int]], slots: int) -> int:
    """Return the most hits of any cache that holds whatever is asked for, by trying every set of experts to keep."""
    from itertools import combinations

    begin = frozenset(range(slots))
    reached = {begin: 0}
    for wanted in loads:
        later: dict[frozenset[int], int] = {}
        for held, found in reached.items():
            gained = found + len(wanted & held)
            for kept in combinations(sorted((held | wanted) - wanted), slots - len(wanted)):
                state = wanted | frozenset(kept)
                later[state] = max(later.get(state, 0), gained)
        reached = later
    return max(reached.values())


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_belady_is_the_best_of_all_caches_that_hold_what_is_asked_for(seed: int) -> None:
    chance = np.random.default_rng(seed)
    loads = np.zeros((9, 1, 5), np.int64)
    for row in loads[:, 0]:
        row[chance.choice(5, 2, replace=False)] = 1
    drawn = Asked(loads, loads / 2, loads, loads / 2)
    begun = np.array([[True, True, True, False, False]])
    share = hits(drawn, 2, np.zeros((1, 5)), begun, Belady())
    sets = [frozenset(np.flatnonzero(row).tolist()) for row in loads[:, 0]]
    assert round(share * 18) == best_hits(sets, 3)


@pytest.mark.parametrize("name", sorted(caches))
def test_no_cache_beats_belady(name: str) -> None:
    drawn = asked(1, passes=80)
    start = np.zeros(drawn.loads.shape[1:])
    begun = residents(start, 0.5, False)
    cache: Cache = caches[name]()
    assert hits(drawn, SHAPE.active, start, begun, cache) <= hits(drawn, SHAPE.active, start, begun, Belady())


def test_least_recent_hits_what_a_list_in_order_of_use_hits() -> None:
    drawn = asked(2, passes=60)
    begun = np.zeros((SHAPE.layers, SHAPE.experts), np.bool_)
    begun[:, :4] = True
    expected = 0
    for k in range(SHAPE.layers):
        order = [3, 2, 1, 0]  # the first to leave stands last; equal values leave by number
        for row in drawn.loads[:, k]:
            wanted = np.flatnonzero(row).tolist()
            expected += len(set(wanted) & set(order))
            order = (sorted(wanted, reverse=True) + [e for e in order if e not in wanted])[:4]
    share = hits(drawn, SHAPE.active, np.zeros(begun.shape), begun, LeastRecent())
    assert round(share * np.count_nonzero(drawn.loads)) == expected
