"""Plans that serve a trace: conservation, room, symmetry, and what more bandwidth or arithmetic does."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Document, Trace
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.plan.cost import Passes, tables, weight_bytes
from evenly.plan.layout import Layout
from evenly.plan.room import room
from evenly.plan.space import layouts
from evenly.serve.routers import Router
from evenly.serve.routers.least_requests import LeastRequests
from evenly.serve.routers.round_robin import RoundRobin
from evenly.sweep.scenarios import scenario_of
from tests.plan.samples import faster, requests, scenario

ROUTINGS: tuple[Literal["even", "power-law"], ...] = ("even", "power-law")
WAYS: tuple[tuple[Literal["tensor", "expert"], bool], ...] = (("tensor", False), ("expert", True))
EIGHT = layouts(model("llama-3-70b"), 8, 8)
FITTING = [one for one in EIGHT if weight_bytes(model("llama-3-70b"), one) < 70e9]


@settings(max_examples=20, deadline=None)
@given(layout=st.sampled_from(FITTING), seed=st.integers(0, 1 << 20))
def test_every_request_is_served_and_every_block_comes_back(layout: Layout, seed: int) -> None:
    trace = requests(seed=seed)
    run = scenario(layout).simulate(trace=trace)
    assert np.isfinite(run.requests["finish"]).all()
    assert (run.pools["free"] == run.blocks).all()
    assert (run.pools["least_free"] >= 0).all()
    assert run.pools["computed"].sum() >= (trace.prompt + trace.output - 1).sum()
    assert (run.requests["start"] >= run.requests["arrival"]).all()


@settings(max_examples=20, deadline=None)
@given(layout=st.sampled_from(FITTING), seed=st.integers(0, 1 << 20))
def test_device_seconds_sum_to_the_devices_times_the_makespan(layout: Layout, seed: int) -> None:
    outcome = replace(scenario(layout), trace=_Drawn(seed)).run()
    names = ("compute", "memory", "collective", "host", "wait", "idle")
    assert sum(outcome.metrics[f"{name}_share"] for name in names) == pytest.approx(1.0, rel=1e-6)
    assert all(outcome.metrics[f"{name}_share"] >= -1e-9 for name in names)
    assert outcome.load.span is not None
    assert (outcome.load.work <= outcome.load.span[:, None] + 1e-9).all()


def test_requests_that_were_never_preempted_start_in_their_order() -> None:
    run = scenario(Layout(stages=2, tensor=4)).simulate(trace=requests(200, 50.0))
    for member in range(2):
        mine = run.requests[run.requests["replica"] == member]
        mine = mine[mine["preemptions"] == 0]
        assert (np.diff(mine["start"]) >= 0).all()


@pytest.mark.parametrize("layout", [Layout(replicas=2, tensor=4), Layout(replicas=2, stages=2, tensor=2)])
def test_copies_of_a_trace_on_copies_of_the_model_end_alike(layout: Layout) -> None:
    trace = requests(40)
    alone = scenario(replace(layout, replicas=1)).simulate(trace=trace)
    twice = trace.take(np.repeat(np.arange(len(trace)), 2))
    both = scenario(layout).simulate(trace=twice)
    for half in (0, 1):
        np.testing.assert_allclose(both.requests["finish"][half::2], alone.requests["finish"], rtol=1e-12)


@settings(max_examples=15, deadline=None)
@given(layout=st.sampled_from(FITTING), share=st.sampled_from(["compute", "memory"]))
def test_more_bandwidth_or_arithmetic_never_slows_a_pass(layout: Layout, share: str) -> None:
    slow, fast = scenario(layout), faster(scenario(layout), **{share: 1.0})
    for name in ("own", "shared"):
        mine, theirs = getattr(slow.crew().tables, name), getattr(fast.crew().tables, name)
        assert (theirs <= mine).all()
        assert len(mine) == len(theirs)


def test_one_request_at_a_time_ends_sooner_with_more_of_either() -> None:
    trace = requests(10, 0.01)
    base = scenario(Layout(tensor=8))
    seconds = [
        (one.simulate(trace=trace).requests["finish"]).max()
        for one in (base, faster(base, memory=0.9), faster(base, memory=0.9, compute=0.8))
    ]
    assert seconds == sorted(seconds, reverse=True)


@pytest.mark.parametrize("layout", [Layout(tensor=8), Layout(stages=4, tensor=2), Layout(tensor=8, attention=2)])
def test_weights_and_room_fill_the_memory(layout: Layout) -> None:
    seventy, card = model("llama-3-70b"), device("h100")
    tokens = room(seventy, card, layout, 1.0, 0.0)
    ranks = layout.tensor // layout.attention
    used = weight_bytes(seventy, layout) + tokens * layout.stages * seventy.kv_bytes_on(ranks) / layout.stages
    assert used == pytest.approx(card.memory, rel=1e-4)


def test_weights_of_a_layout_sum_to_the_model() -> None:
    seventy = model("llama-3-70b")
    for layout in (Layout(tensor=8), Layout(tensor=4), Layout(tensor=1)):
        assert weight_bytes(seventy, layout) * layout.tensor == pytest.approx(seventy.weight_bytes)


def test_attention_alone_is_copied() -> None:
    seventy, card = model("llama-3-70b"), device("h100")
    base = scenario().cost
    one = tables(base, seventy, card, 8, Layout(tensor=8))
    ranks = tables(base, seventy, card, 8, Layout(tensor=8, attention=8))
    assert len(one.shared) == 0
    assert ranks.own[5] == pytest.approx(8 * one.own[5])  # a rank reads all heads of its own requests
    assert ranks.shared[2] + ranks.own[2] / 8 == pytest.approx(one.own[2])  # weights: the network once, attention 8 x


def test_a_model_that_does_not_fit_says_how_much_is_missing() -> None:
    with pytest.raises(ValueError, match=r"llama-3-70b does not fit into 1 device on h100: .* GB missing"):
        scenario(Layout()).crew()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clock: 2.0", "clock is a share from 0.1 to 1"),
        ("price: 0.0", "price is a positive price"),
        ("tensor: 3", "tensor 3 cannot be laid out"),
        ("node: 0", "node is at least 1"),
        ("route: prefix-aware", "route is one that does not look"),
        ("engine: semi-pd", "engine is one with a single lane"),
        ("cost: {compute: 2.0}", "compute and memory are shares"),
    ],
)
def test_mistakes_name_the_field_and_the_line(line: str, message: str) -> None:
    text = f"kind: plan\ntrace: {{use: poisson}}\n{line}\n"
    with pytest.raises(ValueError, match=message) as caught:
        scenario_of(Document.parse(text, "plan.yaml"))
    assert "plan.yaml:3" in str(caught.value)


class _Drawn:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def draw(self, seed: int) -> Trace:
        return requests(seed=self.seed)


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_skewed_routing_makes_whole_experts_wait_and_sliced_ones_not(devices: int) -> None:
    for experts, grows in WAYS:
        even, skewed = (
            replace(
                scenario(Layout(tensor=devices, experts=experts), model="mixtral-8x7b"), cost=Passes(routing=routing)
            )
            .crew()
            .tables.own
            for routing in ROUTINGS
        )
        assert (skewed[1] > even[1]) == grows
        assert (np.delete(skewed, 1) == np.delete(even, 1)).all()


@pytest.mark.parametrize("route", [RoundRobin(), LeastRequests()])
def test_every_member_is_used_and_every_request_served_whoever_deals_them(route: Router) -> None:
    layout = Layout(replicas=2, stages=2, tensor=2)
    rows = replace(scenario(layout, model="llama-3-8b"), route=route).simulate(trace=requests(200, 100.0)).requests
    assert np.isfinite(rows["finish"]).all()
    assert set(rows["replica"].tolist()) == set(range(layout.members))
