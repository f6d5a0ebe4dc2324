"""Devices of several kinds: how requests are dealt, what the search finds, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Document
from evenly.plan.asked import clusters
from evenly.plan.candidate import evaluate
from evenly.plan.flags import vllm
from evenly.plan.groups import serve
from evenly.plan.layout import Layout
from evenly.plan.pool import Pool, deal
from evenly.plan.pools import Cluster, search_pools
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import Plan, at_once
from evenly.plan.told import as_json, sentences
from evenly.serve.routers import Router
from evenly.serve.routers.least_requests import LeastRequests
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.routers.weighted_least_requests import WeightedLeastRequests
from evenly.sweep.scenarios import scenario_of
from tests.plan.samples import requests, scenario

TWO = (Cluster("h100", 1, 1), Cluster("l40s", 2, 2))


def base() -> PlanScenario:
    return scenario(model="llama-3-8b")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return search_pools(base(), TWO, requests(60, 30.0), "latency")


@given(count=st.integers(1, 200), weights=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4))
def test_every_prefix_of_the_requests_is_dealt_by_the_shares(count: int, weights: list[float]) -> None:
    shares = np.array(weights) / sum(weights)
    turn = deal(count, shares)
    assert len(turn) == count
    for number, share in enumerate(shares):
        got = np.cumsum(turn == number)
        assert abs(got[-1] - share * count) <= 1
        assert (np.abs(got - share * np.arange(1, count + 1)) <= len(shares) + 1).all()


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0.1, 0.9), seed=st.integers(0, 1 << 20))
def test_pools_serve_what_each_would_serve_alone(share: float, seed: int) -> None:
    trace = requests(40, seed=seed)
    pool = Pool(device="l40s", layout=Layout(tensor=2), node=2, share=share)
    both = serve(replace(base(), tensor=1, node=1, beside=(pool,)), trace)
    assert np.isfinite(both.items["finish"]).all()
    assert (both.items["prompt"] == trace.prompt).all()
    turn = deal(len(trace), np.array([1 - share, share]))
    alone = replace(base(), device="l40s", node=2, tensor=2).simulate(trace=trace.take(np.flatnonzero(turn == 1)))
    np.testing.assert_array_equal(both.items["finish"][turn == 1], alone.requests["finish"])


def test_alike_devices_in_two_pools_are_two_copies() -> None:
    trace = requests(40, 20.0)
    pool = Pool(device="h100", layout=Layout(tensor=2), node=2, share=0.5)
    pools = evaluate(replace(base(), tensor=2, node=2, beside=(pool,)), trace)
    copies = evaluate(replace(base(), replicas=2, tensor=2, node=2), trace)
    for name in ("e2e_mean", "ttft_mean", "tpot_mean", "energy", "cost", "makespan"):
        assert pools.figures[name] == pytest.approx(copies.figures[name], rel=1e-9)


@pytest.mark.parametrize("router", [RoundRobin(), LeastRequests()])
def test_alike_devices_under_one_router_are_two_copies(router: Router) -> None:
    trace = requests(40, 20.0)
    plan = replace(base(), tensor=2, node=2, route=router)
    pools = evaluate(replace(plan, beside=(Pool(device="h100", layout=Layout(tensor=2), node=2),)), trace)
    copies = evaluate(replace(plan, replicas=2), trace)
    for name in ("e2e_mean", "ttft_mean", "tpot_p99", "energy", "cost", "makespan", "imbalance", "idle_share"):
        assert pools.figures[name] == pytest.approx(copies.figures[name], rel=1e-9), name


def test_one_router_over_pools_gives_each_what_it_would_serve_alone() -> None:
    trace = requests(60, 30.0)
    pool = Pool(device="l40s", layout=Layout(stages=2), node=2)
    plan = replace(base(), tensor=1, node=1, route=WeightedLeastRequests(), beside=(pool,))
    served = serve(plan, trace)
    assert len(served.groups[0].run.requests) > len(trace) / 2
    assert sum(len(group.run.requests) for group in served.groups) == len(trace)
    made = evaluate(plan, trace)
    shares = [made.figures[f"{name}_share"] for name in ("compute", "memory", "collective", "host", "wait", "idle")]
    assert sum(shares) == pytest.approx(1.0)
    assert made.figures["rejected"] == 0
    assert made.figures["devices"] == 3


def test_a_router_that_sees_the_load_beats_equal_shares_of_unlike_devices() -> None:
    trace = requests(150, 40.0)
    pool = Pool(device="l40s", layout=Layout(tensor=2), node=2)
    free = replace(base(), tensor=1, node=1, route=WeightedLeastRequests(), beside=(pool,))
    dealt = replace(free, route=RoundRobin(), beside=(replace(pool, share=0.5),))
    one, other = (evaluate(plan, trace).figures["e2e_mean"] for plan in (free, dealt))
    assert one < other


def test_the_search_has_each_kind_alone_and_both_and_nothing_is_better_than_its_winner(plan: Plan) -> None:
    devices = {tuple(sorted(part.device for part in one.parts)) for one in plan.candidates}
    assert devices == {("h100",), ("l40s",), ("h100", "l40s")}
    answers = [one.figures["e2e_mean"] for one in plan.candidates]
    assert answers == sorted(answers)
    assert plan.heuristic is not None
    assert plan.winner.figures["e2e_mean"] <= plan.heuristic.figures["e2e_mean"]
    assert len({one.title for one in plan.candidates}) == len(plan.candidates)


def test_all_at_once_a_second_kind_of_devices_ends_the_trace_sooner() -> None:
    trace = at_once(requests(1500))
    found = search_pools(base(), TWO, trace, "makespan")
    alone = min(one.figures["makespan"] for one in found.candidates if not one.scenario.beside)
    assert found.winner.scenario.beside
    assert found.winner.figures["makespan"] < alone
    got = min(len(group.run.requests) for group in serve(found.winner.scenario, trace).groups)
    assert 0.05 < got / len(trace) < 0.6


def test_a_pool_costs_its_own_price() -> None:
    dear = [replace(TWO[0], price=3.0), replace(TWO[1], price=0.5)]
    found = search_pools(base(), dear, requests(30, 2.0), "cost")
    both = next(one for one in found.candidates if one.scenario.beside)
    hours = both.figures["cost"] * requests(30, 2.0).output.sum() / 1e6
    assert hours == pytest.approx((3.0 + 2 * 0.5) * both.figures["makespan"] / 3600, rel=1e-6)
    assert {part.device for part in found.winner.parts} == {"l40s"}


def test_a_plan_of_pools_is_told_and_started(plan: Plan) -> None:
    both = next(one for one in plan.candidates if one.scenario.dealt)
    launch = vllm(both)
    assert len(launch.lines) == sum(part.layout.replicas for part in both.parts)
    assert "% to l40s" in launch.note
    free = next(one for one in plan.candidates if one.scenario.beside and not one.scenario.dealt)
    assert "deal requests to them by weighted-least-requests" in vllm(free).note
    assert free.title.endswith("(by load)")
    assert json.loads(json.dumps(as_json(plan, 3)))["winner"] == plan.winner.title
    assert sentences(plan)


def test_a_model_that_fits_no_pool_says_what_each_lacks() -> None:
    with pytest.raises(ValueError, match=r"fits into no pool: 1 x h100: .* lacks .* GB .*; 2 x l40s: .* lacks"):
        search_pools(scenario(), TWO, requests(10))


def test_a_pool_that_is_too_small_is_left_out() -> None:
    found = search_pools(scenario(), (Cluster("h100", 2, 2), Cluster("l40s", 2, 2)), requests(10))
    assert {part.device for one in found.candidates for part in one.parts} == {"h100"}
    assert any(lack.title.startswith("2 x l40s") for lack in found.unfit)


def test_requests_that_wait_for_others_are_refused() -> None:
    trace = replace(requests(4), after=np.array([-1, 0, 1, 2]), pause=np.zeros(4))
    with pytest.raises(ValueError, match="cannot be dealt to pools"):
        search_pools(base(), TWO, trace)


@pytest.mark.parametrize(
    ("text", "price", "message"),
    [
        ("4xh100,4xh100", "1", "h100 stands there twice"),
        ("4xh100,8xl40s", "h100=1", "write one price, or h100=1,l40s=1"),
        ("4xh100", "cheap", "write a price as a number"),
        ("4xh100,", "1", "write devices as 8xh100"),
    ],
)
def test_pools_that_are_none_are_refused(text: str, price: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clusters(text, price)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("beside: [{device: l40s, share: 1.5}]", "share is above 0 and below 1"),
        ("beside: [{device: l40s, share: 0.6}, {device: a10, share: 0.5}]", "sum to less than 1"),
        ("beside: [{device: l40, share: 0.5}]", "did you mean 'l40s'"),
        ("beside: [{device: l40s, share: 0.5}, {device: a10}]", "all pools have a share of the requests, or none"),
        ("order: virtual-token-counter", "order is one that ranks single requests"),
    ],
)
def test_mistakes_in_a_scenario_of_pools_are_told(line: str, message: str) -> None:
    text = f"kind: plan\nmodel: llama-3-8b\ntrace: {{use: poisson}}\n{line}\n"
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(text, "plan.yaml")).run()
