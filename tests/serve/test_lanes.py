"""Two lanes on one replica: a plain twin agrees with the kernel, and the laws of the lanes hold on random workloads."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Document, Trace
from evenly.hardware.costs.layer_table import LayerTable
from evenly.hardware.device import device, link
from evenly.hardware.model import model
from evenly.lookup import scenario_files
from evenly.papers.testbed import a100
from evenly.report.verdict import sentence
from evenly.serve.engines.disaggregated import Disaggregated
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.scenario import ServeScenario
from evenly.serve.shares.slo_controller import SloController
from evenly.serve.shares.static import Static
from evenly.sweep.execute import one
from evenly.sweep.plan import cells
from tests.seeds import seeds
from tests.serve.twin.lanes import Ask, Lanes, Replica, serve

SEEDS = st.integers(0, 1 << 20)


def workload(seed: int, apart: bool = False) -> tuple[ServeScenario, Trace]:
    """Return an engine with two lanes and requests that press against its blocks, seats and chunks."""
    chance = np.random.default_rng([seed, apart])
    count = int(chance.integers(1, 40))
    prompt = chance.integers(1, int(chance.choice([30, 200, 900])), count)
    output = np.where(chance.random(count) < 0.1, 1, chance.integers(1, int(chance.choice([8, 60, 200])), count))
    arrival = np.cumsum(chance.exponential(float(chance.choice([0.003, 0.05, 0.3])), count))
    block = int(chance.choice([1, 4, 16]))
    alone = int(-(-(prompt + output) // block).max()) + 2
    limits: dict[str, Any] = {
        "chunk": int(chance.choice([7, 64, 300, 8192])),
        "max_num_seqs": int(chance.choice([1, 3, 64])),
        "block_size": block,
        "watermark": float(chance.choice([0.0, 0.02])),
    }
    pair = Static(*(float(share) for share in chance.choice([10, 35, 60, 100], 2)))
    scenario = a100(
        "llama-3-8b",
        1,
        Disaggregated(**limits) if apart else SemiPd(**limits),
        cost=LayerTable(host=0.0),
        host_overhead=float(chance.choice([0.0, 0.004, 0.035])),
        shares=None if apart else pair,
        kv_tokens=block * int(alone * chance.choice([1.0, 1.3, 4.0])),
        max_model_len=2000,
    )
    return scenario, Trace(arrival, prompt, output)


def twin(scenario: ServeScenario, trace: Trace) -> tuple[list[Ask], Replica]:
    """Serve a workload in plain Python."""
    fleet = scenario.fleet()
    shares: Any = scenario.shares
    between = link(device(scenario.device).link)
    apart = fleet.rules.lanes == "apart"

    def price(chunk: Any, before: Any, decodes: int, resident: float, longest: int) -> float:
        whole, held = np.array(chunk, np.int64), np.array(before, np.int64)
        return float(LayerTable.seconds(whole, held, decodes, resident, longest, fleet.tables)[0])

    lanes = Lanes(
        prompts=1.0 if apart else shares.prefill / 100,
        decodes=1.0 if apart else shares.decode / 100,
        host=scenario.host_overhead,
        slope=fleet.rules.slope,
        floor=fleet.rules.floor,
        blocks=fleet.blocks,
        block=fleet.rules.block,
        watermark=int(fleet.rules.watermark * fleet.blocks),
        chunk=fleet.rules.budget,
        seats=fleet.rules.seats,
        apart=apart,
        link_wait=between.latency,
        link_token=model(scenario.model).kv_bytes_on(1) / between.bandwidth,
        price=price,
    )
    rows = zip(trace.arrival, trace.prompt, trace.output, strict=True)
    asks = [Ask(arrival=float(a), prompt=int(p), output=int(o)) for a, p, o in rows]
    return asks, serve(lanes, asks)


def difference(scenario: ServeScenario, trace: Trace) -> str:
    """Return the first difference between twin and kernel; nothing if they agree within 1e-9 s."""
    asks, replica = twin(scenario, trace)
    assert replica.free == replica.side == replica.lanes.blocks
    run = scenario.simulate(trace=trace, record_tokens=True)
    at = np.concatenate(([0], np.cumsum(trace.output)))
    for i, ask in enumerate(asks):
        row = run.requests[i]
        if ask.ended != bool(np.isfinite(row["finish"])):
            return f"request {i}: twin ended {ask.ended}, kernel {row['finish']}"
        if not ask.ended:
            continue
        times = run.tokens[at[i] : at[i + 1]]
        if not np.allclose(times, ask.times, rtol=0, atol=1e-9):
            k = int(np.argmax(np.abs(times - ask.times) > 1e-9))
            return f"token {k} of request {i}: twin {ask.times[k]}, kernel {times[k]}"
        if abs(ask.start - row["start"]) > 1e-9 or ask.preemptions != row["preemptions"]:
            return f"request {i}: twin {ask.start}, {ask.preemptions}; kernel {row['start']}, {row['preemptions']}"
        worst = np.diff(ask.times).max(initial=0.0)
        if abs(worst - row["worst_gap"]) > 1e-9:
            return f"worst gap of request {i}: twin {worst}, kernel {row['worst_gap']}"
    return ""


@seeds(80, 200, 1000)
@pytest.mark.parametrize("apart", [False, True], ids=["shared", "apart"])
def test_two_lanes_agree_with_a_plain_twin_token_by_token(apart: bool, seeds: range) -> None:
    for seed in seeds:
        assert difference(*workload(seed, apart)) == "", f"workload({seed}, {apart})"


def test_the_workloads_retract_requests_and_cut_prompts() -> None:
    """What the comparison is worth."""
    retracted = cut = 0
    for seed in range(80):
        scenario, trace = workload(seed)
        run = scenario.simulate(trace=trace)
        retracted += int(run.requests["preemptions"].sum())
        cut += int((trace.prompt > scenario.fleet().rules.budget).sum())
    assert retracted > 20
    assert cut > 20


@settings(max_examples=40)
@given(seed=SEEDS, apart=st.booleans())
def test_no_token_comes_before_its_prompt_is_computed_and_prompts_start_first_come_first_served(
    seed: int, apart: bool
) -> None:
    scenario, trace = workload(seed, apart)
    run = scenario.simulate(trace=trace, record_passes=50_000)
    rows, log = run.requests, run.log
    done = np.isfinite(rows["finish"])
    assert np.all(rows["first_token"][done] <= rows["finish"][done])
    starts = rows["start"][np.isfinite(rows["start"])]
    assert np.all(np.diff(starts) >= 0), "a later request started before an earlier one"
    prompts = log[log[:, 5] > 0]
    for ended in rows["first_token"][done]:  # only a pass of prompts gives a first token
        assert np.isclose(prompts[:, 2], ended, rtol=0, atol=1e-9).any()
    computed = np.searchsorted(np.sort(prompts[:, 2]), rows["first_token"][done] + 1e-9)
    total = np.concatenate(([0.0], np.cumsum(prompts[np.argsort(prompts[:, 2]), 5])))
    order = np.argsort(rows["first_token"][done], kind="stable")
    assert np.all(total[computed][order] >= np.cumsum(trace.prompt[done][order]) - 1e-9)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_a_lane_that_is_alone_has_its_whole_share(seed: int) -> None:
    """Work is conserved: one request at a time takes host work and its own share's device work for every pass."""
    scenario, trace = workload(seed)
    only = Trace(trace.arrival[:1], trace.prompt[:1], trace.output[:1])
    scenario = replace(scenario, engine=SemiPd(), kv_tokens=4000)
    run = scenario.simulate(trace=only)
    fleet, shares = scenario.fleet(), scenario.shares
    assert isinstance(shares, Static)
    empty = np.zeros(0, np.int64)
    seconds = LayerTable.seconds(only.prompt, np.zeros(1, np.int64), 0, 0.0, 0, fleet.tables)[0]
    expected = scenario.host_overhead + seconds / (shares.prefill / 100)
    assert run.requests["first_token"][0] - only.arrival[0] == pytest.approx(expected, abs=1e-9)
    y = shares.decode / 100
    rate = (fleet.rules.slope + fleet.rules.floor) / (fleet.rules.slope / y + fleet.rules.floor)
    rest = 0.0
    for k in range(int(only.output[0]) - 1):
        held = int(only.prompt[0]) + k
        work = LayerTable.seconds(empty, empty, 1, float(held), held, fleet.tables)[0]
        rest += scenario.host_overhead + work / rate
    assert run.requests["finish"][0] - run.requests["first_token"][0] == pytest.approx(rest, abs=1e-9)


@settings(max_examples=15)
@given(seed=SEEDS, ttft=st.floats(0.05, 2.0), tpot=st.floats(0.02, 0.3), step=st.sampled_from([5.0, 30.0]))
def test_the_controller_keeps_shares_between_floor_and_100_and_loses_nobody(
    seed: int, ttft: float, tpot: float, step: float
) -> None:
    scenario, trace = workload(seed)
    control = SloController(window=10, step=step)
    slo = replace(scenario.slo, ttft=ttft, tpot=tpot)
    fixed = scenario.simulate(trace=trace)
    run = replace(scenario, shares=control, slo=slo).simulate(trace=trace)
    shares = run.shares[:, 2:]
    assert np.all((shares >= control.floor) & (shares <= 100.0))
    assert np.all(np.isfinite(run.requests["start"]) == np.isfinite(fixed.requests["start"]))
    assert np.all(run.pools["free"] == run.blocks)


def test_two_lanes_win_where_the_host_is_slow_and_lose_where_it_is_not_as_the_gallery_says() -> None:
    path = scenario_files()["semi-pd"]
    lines = [line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    comment = " ".join(lines)
    outcomes = [one(cell, None) for cell in cells(Document.read(path))]
    first, chunks, even, sixty, moved, apart = (outcome.metrics["goodput"] for outcome in outcomes)
    lanes = r": ([\d.]+) req/s with the.*, ([\d.]+) with 60%.*: ([\d.]+)\. The.*: ([\d.]+)\. It all"
    found = re.search(r"goodput ([\d.]+) and ([\d.]+) req/s\." + ".*" + lanes, comment)
    assert found
    for number, figure in zip(found.groups(), (first, chunks, even, sixty, apart, moved), strict=True):
        assert float(number) == pytest.approx(figure, abs=0.05)
    reasons = sentence(outcomes, ServeScenario.metrics)
    assert "stall behind prompts" in reasons
    assert "of the time of its passes for the host" in reasons
    quick = [one(cell, None).metrics["goodput"] for cell in cells(Document.read(path).replace("host_overhead", 0.005))]
    found = re.search(r"wins with ([\d.]+) req/s against ([\d.]+\d)", comment)
    assert found
    assert [float(number) for number in found.groups()] == [pytest.approx(quick[k], abs=0.05) for k in (0, 2)]
    assert quick[0] > max(quick[2:])
