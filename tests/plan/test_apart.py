"""Prompts and decodes apart: against the kernel's own two lanes, a plain hand-over, and brute force over all pairs."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Floats, Trace
from evenly.core.scenario import silent
from evenly.core.trace import Prefixes
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import Device, device, link
from evenly.hardware.model import Model, model
from evenly.papers.testbed import Given
from evenly.plan.apart import apart
from evenly.plan.candidate import evaluate
from evenly.plan.cost import kv_bytes, weight_bytes
from evenly.plan.fitting import fitting, longest
from evenly.plan.flags import dynamo, sglang, vllm
from evenly.plan.groups import _in_turn, handed_over, serve
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import FORMS, at_once, search
from evenly.plan.space import layouts
from evenly.plan.why import token
from evenly.serve.engines.disaggregated import Disaggregated
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.results import columns
from evenly.serve.scenario import ServeScenario
from tests.plan.samples import requests, scenario

FOUR = [one for one in layouts(model("llama-3-70b"), 4, 8) if weight_bytes(model("llama-3-70b"), one) < 70e9]
FITTING = [one for one in FOUR if one.attention == one.network == 1]
BIG = VllmV1(max_num_batched_tokens=8192, max_num_seqs=512)


@dataclass(frozen=True, slots=True)
class Same(Roofline):
    """The seconds that a plan counts with, for a replica that is none."""

    figures: tuple[float, ...] = ()

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        return np.array(self.figures)


def divided(prompts: Layout, decodes: Layout, **changes: object) -> PlanScenario:
    return replace(scenario(decodes, **changes), prompts=prompts)


@settings(max_examples=15, deadline=None)
@given(prompts=st.sampled_from(FITTING), decodes=st.sampled_from(FITTING), seed=st.integers(0, 1 << 20))
def test_every_request_is_served_in_order_and_every_block_comes_back(
    prompts: Layout, decodes: Layout, seed: int
) -> None:
    trace = requests(seed=seed)
    served = serve(divided(prompts, decodes), trace)
    items = served.items
    assert np.isfinite(items["finish"]).all()
    assert (items["arrival"] == trace.arrival).all()
    assert (items["output"] == trace.output).all()
    assert (items["first_token"] >= items["start"]).all()
    assert (items["finish"] >= items["first_token"]).all()
    assert (items["finish"] > items["first_token"])[trace.output > 1].all()
    for group in served.groups:
        assert (group.run.pools["free"] == group.run.blocks).all()
    first, then = (int(group.run.pools["computed"].sum()) for group in served.groups)
    assert first >= trace.prompt.sum()
    assert then >= (trace.output - 1).sum()


def test_where_nothing_is_short_it_is_what_the_lanes_of_the_kernel_make() -> None:
    """One engine computes prompts and one decodes, in the loop for lanes: the same to a fraction of a pass."""
    trace = requests(80, 6.0)
    mine = divided(Layout(tensor=4), Layout(tensor=4), engine=BIG, model="llama-3-8b")
    mine = replace(mine, cost=replace(mine.cost, host=0.0, gathers="engine"))
    lanes = ServeScenario(
        trace=Given(),
        engine=Disaggregated(chunk=8192, watermark=0.0),
        cost=Same(figures=tuple(mine.crew().tables.own)),
        model=mine.model,
        device=mine.device,
        tensor=4,
    )
    found = serve(mine, trace).items
    theirs = columns(lanes.simulate(trace=trace).requests)
    np.testing.assert_allclose(found["first_token"], theirs["first_token"], rtol=1e-9)
    assert found["finish"].mean() == pytest.approx(theirs["finish"].mean(), rel=1e-4)
    assert np.abs(found["finish"] - theirs["finish"]).max() < 0.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 20), copies=st.sampled_from([1, 2, 4]))
def test_each_copy_sends_one_request_after_the_other(seed: int, copies: int) -> None:
    chance = np.random.default_rng(seed)
    count = 20
    items = {
        "first_token": chance.uniform(0, 0.05, count),
        "prompt": chance.integers(1, 4000, count),
        "replica": chance.integers(0, copies, count),
    }
    plan = divided(Layout(replicas=copies, tensor=2), Layout(tensor=8))
    got = handed_over(plan, Layout(replicas=copies, tensor=2), items, np.arange(count))
    card = device("h100")
    between = link(card.network if copies * 2 + 8 > 8 else card.link)
    part = kv_bytes(model("llama-3-70b"), Layout(tensor=2))
    free = [0.0] * copies
    for i in np.argsort(items["first_token"], kind="stable"):
        copy = items["replica"][i]
        begin = max(free[copy], items["first_token"][i])
        free[copy] = begin + between.latency + items["prompt"][i] * part / between.bandwidth
        assert got[i] == pytest.approx(free[copy], rel=1e-9)


def test_a_slower_link_never_ends_a_request_sooner_alone() -> None:
    trace = requests(10, 0.01)
    near = serve(divided(Layout(tensor=4), Layout(tensor=4)), trace)
    far = serve(replace(divided(Layout(tensor=4), Layout(tensor=4)), node=4), trace)
    assert (far.items["finish"] >= near.items["finish"]).all()
    assert far.handover > near.handover > 0


@pytest.mark.parametrize("objective", ["latency", "ttft_mean", "tpot_mean"])
def test_the_search_finds_what_brute_force_over_all_pairs_finds(objective: str) -> None:
    base = scenario(model="llama-3-8b")
    trace = requests(24, 20.0)
    found = search(base, 4, trace, objective, forms=FORMS[1:])
    best = []
    for count in (1, 2, 3):
        sides = [
            [one for one in layouts(model(base.model), n, 8) if one.attention == one.network == 1]
            for n in (count, 4 - count)
        ]
        fit = [fitting(base, side, longest(trace))[0] for side in sides]
        pairs = itertools.product(*fit)
        best += [evaluate(replace(base.with_layout(d), prompts=p), trace).figures for p, d in pairs]
    mine = [one.figures[found.objective] for one in found.candidates if one.scenario.prompts]
    assert min(mine) == min(figures[found.objective] for figures in best)
    assert len(mine) == len(best)


def test_plans_apart_stand_beside_the_others_and_no_device_is_counted_twice() -> None:
    found = search(scenario(), 8, requests(60, 2.0), "latency", forms=FORMS)
    divided_plans = [one for one in found.candidates if one.scenario.prompts]
    assert divided_plans
    assert len(divided_plans) < len(found.candidates)
    assert all(sum(part.layout.devices for part in one.parts) == 8 for one in found.candidates)
    assert len({one.title for one in found.candidates}) == len(found.candidates)
    for one in divided_plans:
        assert one.figures["handover_mean"] > 0
        shares = [one.figures[f"{name}_share"] for name in ("compute", "memory", "collective", "host", "wait", "idle")]
        assert sum(shares) == pytest.approx(1.0)


def test_an_engine_gets_flags_for_either_side() -> None:
    made = evaluate(divided(Layout(replicas=2, tensor=2), Layout(tensor=4)), requests(10))
    lines = vllm(made).lines
    assert ['"kv_producer"' in line for line in lines] == [True, True, False]
    assert ['"kv_consumer"' in line for line in lines] == [False, False, True]
    assert len({line.split("VLLM_NIXL_SIDE_CHANNEL_PORT=")[1].split()[0] for line in lines}) == 3
    assert [line.split("--disaggregation-mode ")[1].split()[0] for line in sglang(made).lines] == [
        "prefill",
        "prefill",
        "decode",
    ]
    assert len(dynamo(made).lines) == 4
    piped = evaluate(divided(Layout(tensor=4), Layout(stages=2, tensor=2)), requests(10))
    assert vllm(piped).lines == ()
    assert "pipeline" in vllm(piped).note


def test_prompts_apart_do_not_fit_chains_of_requests() -> None:
    trace = replace(requests(4), after=np.array([-1, 0, 1, 2]), pause=np.zeros(4))
    with pytest.raises(ValueError, match="wait for another"):
        serve(divided(Layout(tensor=4), Layout(tensor=4)), trace)
    assert not [one for one in search(scenario(), 8, trace, forms=FORMS).candidates if one.scenario.prompts]


def test_requests_of_one_token_need_nobody_who_decodes() -> None:
    trace = Trace(np.zeros(3), np.full(3, 500), np.ones(3, np.int64))
    with pytest.raises(ValueError, match="nobody would decode"):
        serve(divided(Layout(tensor=4), Layout(tensor=4)), trace)
    assert not [one for one in search(scenario(), 8, trace, forms=FORMS).candidates if one.scenario.prompts]
    some = replace(trace, output=np.array([1, 5, 1]))
    made = evaluate(divided(Layout(tensor=4), Layout(tensor=4)), some)
    assert made.figures["rejected"] == 0
    assert [part.name for part in made.parts] == ["prompts", "decodes"]


def test_prompts_have_the_shares_of_a_large_cluster() -> None:
    plans = apart(scenario(model="llama-3-8b"), 16, requests(10))
    assert {one.prompts.devices for one in plans if one.prompts} == {2, 4, 6, 8, 10, 12, 14}


def test_what_cannot_be_laid_out_names_the_field() -> None:
    with pytest.raises(ValueError, match="prompts 3TP cannot be laid out"):
        divided(Layout(tensor=3), Layout(tensor=4)).check()


def test_where_decodes_are_short_of_room_they_are_computed_again_and_all_end() -> None:
    trace = requests(120, 60.0)
    served = serve(divided(Layout(tensor=4), Layout(tensor=2)), trace)
    assert np.isfinite(served.items["finish"]).all()
    assert served.items["preemptions"].sum() > 0
    group = served.groups[1]
    assert (group.run.pools["free"] == group.run.blocks).all()
    assert (group.run.pools["least_free"] >= 0).all()
    assert group.run.pools["computed"].sum() > (trace.output - 1).sum()


def test_prompts_wait_where_those_that_decode_have_no_room() -> None:
    trace = at_once(requests(300))
    plan = divided(Layout(tensor=2), Layout(tensor=2))
    held, free = serve(plan, trace), _in_turn(plan, Layout(tensor=2), trace, silent)
    assert free.groups[0].kv_peak > 1 >= held.groups[0].kv_peak
    assert held.items["first_token"].mean() > free.items["first_token"].mean()
    assert np.isfinite(held.items["finish"]).all()
    found = search(scenario(), 4, trace, "latency", forms=FORMS)
    assert evaluate(plan, trace).title in {one.title for one in found.candidates}


@settings(max_examples=6, deadline=None)
@given(
    prompts=st.sampled_from([one for one in FITTING if one.stages == 1]),  # else prompts that end at once go in turn
    decodes=st.sampled_from(FITTING),
    seed=st.integers(0, 1 << 20),
)
def test_where_there_is_room_both_sides_at_once_are_one_after_the_other(
    prompts: Layout, decodes: Layout, seed: int
) -> None:
    trace = requests(40, 3.0, seed)
    plan = divided(prompts, decodes)
    once, turns = serve(plan, trace), _in_turn(plan, prompts, trace, silent)
    for name in ("start", "first_token", "finish", "worst_gap", "tpot"):
        np.testing.assert_allclose(once.items[name], turns.items[name], rtol=1e-9, err_msg=name)
    assert once.handover == pytest.approx(turns.handover, rel=1e-9)


def test_a_plan_whose_waiting_keys_and_values_do_not_fit_is_told_as_unfit() -> None:
    """Where prompts share tokens the sides are run in turn, and nothing waits."""
    trace = at_once(requests(300))
    alike = replace(trace, prefixes=Prefixes(np.arange(301), np.arange(300), 16))
    made = evaluate(divided(Layout(tensor=2), Layout(tensor=2)), alike)
    assert made.figures["kv_peak"] > 1
    found = search(scenario(), 4, alike, "latency", forms=FORMS)
    assert made.title not in {one.title for one in found.candidates}
    (lack,) = [one for one in found.unfit if one.title == made.title]
    assert lack.missing_gb > 0


def test_prompts_find_what_they_share_in_the_cache_of_their_devices() -> None:
    trace = requests(40, 2.0)
    whole = np.maximum(1, trace.prompt // 16)
    offsets = np.concatenate(([0], np.cumsum(whole)))
    ids = np.concatenate([np.arange(1, count + 1) for count in whole])  # each prompt begins as the longest one does
    shared = replace(trace, prefixes=Prefixes(offsets, ids, 16))
    plan = divided(Layout(tensor=4), Layout(tensor=4))
    found, plain = serve(plan, shared), serve(plan, trace)
    assert found.items["cached"].sum() > 0
    assert found.groups[0].run.pools["computed"].sum() < plain.groups[0].run.pools["computed"].sum()
    assert found.items["first_token"].mean() < plain.items["first_token"].mean()
    assert np.isfinite(found.items["finish"]).all()


def test_the_time_of_a_token_is_that_of_the_devices_that_decode() -> None:
    made = evaluate(divided(Layout(tensor=4), Layout(tensor=4)), requests(40, 2.0))
    assert token(made).total == pytest.approx(made.figures["tpot_mean"])
    decodes = made.parts[1].spent
    assert token(made).collectives / token(made).total == pytest.approx(
        decodes.collectives / (decodes.total - decodes.idle)
    )
