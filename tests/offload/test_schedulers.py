"""Laws of the plans of a layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Bools, Ints
from evenly.offload import laws
from evenly.offload.costs import Costs
from evenly.offload.planner import HybridScheduler
from evenly.offload.schedulers.on_demand import OnDemand
from evenly.offload.schedulers.optimal import Optimal
from evenly.offload.schedulers.static_map import StaticMap

seconds = st.floats(0.05e-3, 5e-3)
costs = st.builds(Costs, transfer=seconds, device=seconds, first=seconds, token=seconds)
layer = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=8)


def split(drawn: list[tuple[int, bool]]) -> tuple[Ints, Bools]:
    return np.array([load for load, _ in drawn], np.int64), np.array([there for _, there in drawn], np.bool_)


@given(drawn=layer, costs=costs)
@settings(max_examples=150, deadline=None)
def test_hybrid_computes_each_expert_once_and_can_be_carried_out(drawn: list[tuple[int, bool]], costs: Costs) -> None:
    loads, cached = split(drawn)
    plan = HybridScheduler().plan(loads, cached, costs)
    assert laws.once(plan, loads)
    assert laws.possible(plan, loads, cached, costs)


@given(drawn=layer, costs=costs)
@settings(max_examples=150, deadline=None)
def test_hybrid_is_never_behind_one_side_alone_by_more_than_an_expert(
    drawn: list[tuple[int, bool]], costs: Costs
) -> None:
    loads, cached = split(drawn)
    assert HybridScheduler().plan(loads, cached, costs).makespan <= laws.bound(loads, cached, costs) + laws.SLACK


@given(drawn=layer, costs=costs)
@settings(max_examples=80, deadline=None)
def test_optimal_is_the_best_of_all_divisions_and_more_experts_there_never_hurt(
    drawn: list[tuple[int, bool]], costs: Costs
) -> None:
    loads, cached = split(drawn)
    best = laws.optimum(loads, cached, costs)
    assert HybridScheduler(Optimal()).plan(loads, cached, costs).makespan == pytest.approx(best, abs=laws.SLACK)
    for e in np.flatnonzero(~cached):
        more = cached.copy()
        more[e] = True
        assert laws.optimum(loads, more, costs) <= best + laws.SLACK


@given(drawn=layer, costs=costs, seed=st.integers(0, 100))
@settings(max_examples=80, deadline=None)
def test_hybrid_does_not_depend_on_the_order_of_its_input(
    drawn: list[tuple[int, bool]], costs: Costs, seed: int
) -> None:
    loads, cached = split(drawn)
    turned = np.random.default_rng(seed).permutation(len(loads))
    one, other = (HybridScheduler().plan(*of, costs) for of in ((loads, cached), (loads[turned], cached[turned])))
    assert one.makespan == pytest.approx(other.makespan, abs=laws.SLACK)
    assert sorted(loads[one.device]) == sorted(loads[turned][other.device])


@given(drawn=layer, costs=costs)
@settings(max_examples=80, deadline=None)
def test_without_a_link_or_a_cpu_hybrid_is_what_is_left(drawn: list[tuple[int, bool]], costs: Costs) -> None:
    loads, cached = split(drawn)
    far, slow = laws.endless_link(costs), laws.endless_cpu(costs)
    plan = HybridScheduler().plan(loads, cached, far)
    assert plan.makespan == pytest.approx(laws.without_link(loads, cached, far), abs=laws.SLACK)
    assert plan.makespan <= HybridScheduler(StaticMap()).plan(loads, cached, far).makespan + laws.SLACK
    device = HybridScheduler(OnDemand()).plan(loads, cached, slow).makespan
    assert HybridScheduler().plan(loads, cached, slow).makespan == pytest.approx(device, abs=laws.SLACK)


def test_an_expert_on_its_way_is_waited_for_or_computed_by_the_cpu() -> None:
    loads, absent = np.array([1]), np.array([False])
    soon = HybridScheduler().plan(loads, absent, Costs(), ready=np.array([1e-3]), link=1e-3)
    late = HybridScheduler().plan(loads, absent, Costs(), ready=np.array([9e-3]), link=9e-3)
    assert (soon.device.tolist(), soon.moved.tolist()) == ([0], [])
    assert soon.makespan == pytest.approx(1e-3 + Costs().device)
    assert (late.cpu.tolist(), late.moved.tolist()) == ([0], [])
    assert late.makespan == pytest.approx(Costs().first + Costs().token)


def test_what_cannot_be_planned_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry an expert"):
        HybridScheduler().plan(np.array([1, 2]), np.array([True]), Costs())
    with pytest.raises(ValueError, match="at least 0 tokens, not -1"):
        HybridScheduler().plan(np.array([-1]), np.array([True]), Costs())
    with pytest.raises(ValueError, match="transfer is seconds, at least 1e-12, not -1"):
        Costs(transfer=-1.0)
