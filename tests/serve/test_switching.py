"""Seats that are switched: a plain twin agrees with the kernel, and the laws of switching hold on random workloads."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evenly.core import Array, Floats, Trace
from evenly.hardware.costs.linear import Linear
from evenly.papers.testbed import Given
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.deficit_round_robin import DeficitRoundRobin
from evenly.serve.orders.priority import Priority
from evenly.serve.orders.slo_slack import SloSlack
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter
from evenly.serve.scenario import COPY_START, ServeScenario
from tests.seeds import seeds
from tests.serve.twin.jobs import ceil
from tests.serve.twin.kernel import Diary, price
from tests.serve.twin.switching import Ask, Replica, Rules, serve

SEEDS = st.integers(0, 1 << 30)
LOOKS = 50  # draws of priorities in a table, used over and over


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Ranks from a table by request and look."""

    table: Floats

    def rank(self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        return float(self.table[request, requests["drawn"][request] % LOOKS])


def workload(seed: int) -> tuple[ServeScenario, Trace]:
    """Return a tight replica with random parts of FastSwitch, and conversations that press against it."""
    chance = np.random.default_rng((9, seed))
    count = int(chance.integers(1, 16))
    far = int(chance.choice([12, 50, 120]))
    pace = float(chance.choice([0.0, 0.02, 0.1]))
    arrival = np.cumsum(chance.exponential(pace, count)) if pace else np.zeros(count)
    prompt, output = chance.integers(1, far, count), chance.integers(1, 40, count)
    after, pause = np.full(count, -1), np.zeros(count)
    session = chance.integers(0, max(1, count // 2), count)
    last: dict[int, int] = {}
    for i, own in enumerate(session.tolist() if chance.random() < 0.7 else []):
        if own in last:
            j = after[i] = last[own]
            pause[i] = float(chance.choice([0.0, 0.013, 0.4]))
            prompt[i] = prompt[j] + output[j] + int(chance.integers(0, 20))
        last[own] = i
    trace = Trace(arrival, prompt, output, session=session, after=after, pause=pause)
    block = int(chance.choice([1, 4, 16]))
    alone = int(max(ceil(int(n), block) for n in prompt + output))
    blocks = max(2, alone + int(chance.integers(-1, 2 + alone * chance.choice([0, 1, 3]))))
    engine = Fastswitch(
        every=int(chance.choice([1, 3, 10])),
        allocation=str(chance.choice(["groups", "pages"])),  # type: ignore[arg-type]
        group=int(chance.choice([1, 3, 64])),
        copies=str(chance.choice(["merged", "page-wise"])),  # type: ignore[arg-type]
        lane=str(chance.choice(["adaptive", "asynchronous", "synchronous"])),  # type: ignore[arg-type]
        reuse=bool(chance.random() < 0.6),
        max_num_seqs=int(chance.choice([1, 2, 5, 64])),
        block_size=block,
        watermark=float(chance.choice([0.0, 0.0, 1.5 / blocks])),
    )
    space = float(chance.choice([0, alone // 2, 2 * alone, 1 << 10])) * block * 131_072
    scenario = ServeScenario(
        trace=Given(),
        model="llama-3-8b",
        engine=engine,
        order=Drawn(np.round(chance.random((count, LOOKS)), 1)),
        cost=Diary(),
        kv_tokens=blocks * block,
        max_model_len=max(2, int((prompt + output).max()) - int(chance.choice([0, 0, 3]))),
        swap_space=space,
        copy_dispatch=float(chance.choice([1e-6, 3e-5, 1e-3])),
    )
    return scenario, trace


def twin(scenario: ServeScenario, trace: Trace) -> tuple[list[Ask], Replica]:
    """Serve the trace on the twin."""
    fleet, order = scenario.fleet(), scenario.order
    how = fleet.rules.switching
    assert how
    assert isinstance(order, Drawn)
    assert trace.after is not None
    assert trace.pause is not None
    page = fleet.rules.block * fleet.model.kv_bytes_on(1)
    rules = Rules(
        blocks=fleet.blocks,
        host=int(scenario.swap_space / page),
        block=fleet.rules.block,
        longest=fleet.longest,
        seats=min(fleet.rules.seats, len(trace)),
        watermark=int(fleet.rules.watermark * fleet.blocks),
        every=how.every,
        group=how.group,
        merged=how.merged,
        background=how.background,
        adaptive=how.adaptive,
        reuse=how.reuse,
        run_seconds=2 * fleet.model.layers * scenario.copy_dispatch,
        page_seconds=page / scenario.host_bandwidth,
        start_seconds=COPY_START,
        price=price,
        rank=lambda request, look: float(order.table[request, look % LOOKS]),
    )
    rows = zip(trace.arrival, trace.prompt, trace.output, trace.after, trace.pause, strict=True)
    asks = [
        Ask(index=k, arrival=float(a), prompt=int(p), output=int(o), after=int(j), pause=float(s), told=j >= 0)
        for k, (a, p, o, j, s) in enumerate(rows)
    ]
    return asks, serve(rules, asks)


def difference(scenario: ServeScenario, trace: Trace) -> str:
    """Return the first difference between twin and kernel; nothing if they agree to the last bit."""
    asks, replica = twin(scenario, trace)
    run = scenario.simulate(trace=trace, record_tokens=True, record_passes=20_000)
    ours = [tuple(row) for row in run.log[:, [1, 2, 4, 5]].tolist()]
    for k, (one, other) in enumerate(zip(replica.rows, ours, strict=False)):
        if one != other:
            return f"pass {k}: twin {one}, kernel {other}"
    copies = [(row[1], *row[2:]) for row in run.copies.tolist()]
    for k, (one, other) in enumerate(zip(replica.log, copies, strict=False)):
        if one != other:
            return f"copy {k}: twin {one}, kernel {other}"
    if (len(ours), len(copies)) != (len(replica.rows), len(replica.log)):
        return f"twin {len(replica.rows)} passes, {len(replica.log)} copies; kernel {len(ours)}, {len(copies)}"
    at = np.concatenate(([0], np.cumsum(trace.output)))
    for i, ask in enumerate(asks):
        row = run.requests[i]
        if ask.refused != bool(np.isnan(row["finish"])):
            return f"request {i}: the twin refused it: {ask.refused}"
        if ask.refused:
            continue
        worst = np.diff(ask.times).max(initial=0.0)
        mine = (ask.times, ask.start, ask.preemptions)
        theirs = (run.tokens[at[i] : at[i + 1]].tolist(), row["start"], row["preemptions"])
        if mine != theirs or abs(worst - row["worst_gap"]) > 1e-9:
            return f"request {i}: twin {mine}, {worst}; kernel {theirs}, {row['worst_gap']}"
    return "" if run.tiers["stall"][0] == replica.stall else f"stall: twin {replica.stall}, kernel {run.tiers}"


@seeds(150, 500, 3000)
def test_switched_seats_agree_with_a_plain_twin_copy_by_copy(seeds: range) -> None:
    for seed in seeds:
        assert difference(*workload(seed)) == "", f"workload({seed})"


def test_the_random_workloads_reach_every_rule() -> None:
    """What the comparison is worth: each rule must decide something somewhere."""
    seen: Counter[str] = Counter()
    for seed in range(150):
        scenario, trace = workload(seed)
        asks, replica = twin(scenario, trace)
        seen += Counter(replica.seen)
        seen["preempted"] += sum(ask.preemptions for ask in asks)
        seen["waited"] += replica.stall > 0
        seen["refused"] += sum(ask.refused for ask in asks)
        seen["merged"] += sum(pieces < pages for *_, pages, pieces in replica.log)
    assert {"host full", "overwritten", "still leaving", "starved", "waits for pages"} <= set(seen)
    assert min(seen.values()) > 5, seen


@settings(max_examples=40)
@given(seed=SEEDS)
@example(seed=6000)  # a seat is given up before its prompt was computed
def test_everybody_who_fits_is_served_and_nothing_is_computed_twice_that_the_host_has(seed: int) -> None:
    scenario, trace = workload(seed)
    roomy = replace(scenario, swap_space=1e12)  # the host always has room, so nothing is ever computed again
    for one in (scenario, roomy, replace(scenario, swap_space=0.0)):
        run = one.simulate(trace=trace)
        rows = run.requests
        done = np.isfinite(rows["finish"])
        owed = int((rows["prompt"] + rows["output"] - 1 - rows["cached"])[done].sum())
        assert int(run.pools["computed"][0] - run.pools["recomputed"][0]) == owed
        assert run.pools["host"][0] <= int(one.swap_space / (one.fleet().rules.block * 131_072))
        if one is roomy:
            assert run.pools["recomputed"][0] == 0
        if one.swap_space == 0:
            assert len(run.copies) == 0
    assert np.array_equal(done, np.isfinite(scenario.simulate(trace=trace).requests["finish"]))


@settings(max_examples=30)
@given(seed=SEEDS)
def test_skipping_over_equal_passes_changes_nothing(seed: int) -> None:
    scenario, trace = workload(seed)
    scenario = replace(scenario, cost=Linear(0.01, 0.0001))
    fast, slow = scenario.simulate(trace=trace), scenario.simulate(trace=trace, step=True)
    assert np.allclose(fast.copies, slow.copies, rtol=0, atol=1e-9)
    for name in ("start", "first_token", "finish", "worst_gap"):
        assert np.allclose(fast.requests[name], slow.requests[name], rtol=0, atol=1e-9, equal_nan=True), name
    assert np.array_equal(fast.gaps, slow.gaps)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_a_lane_copies_one_request_at_a_time_and_takes_what_the_law_says(seed: int) -> None:
    scenario, trace = workload(seed)
    run, fleet = scenario.simulate(trace=trace), scenario.fleet()
    page = fleet.rules.block * fleet.model.kv_bytes_on(1) / scenario.host_bandwidth
    for way in (0, 1):
        rows = run.copies[run.copies[:, 2] == way]
        assert np.all(rows[1:, 3] >= rows[:-1, 4] - 1e-12)
        law = np.maximum(rows[:, 6] * 2 * fleet.model.layers * scenario.copy_dispatch, rows[:, 5] * page) + COPY_START
        assert np.allclose(rows[:, 4] - rows[:, 3], law, rtol=0, atol=1e-9)
    assert np.all(run.copies[:, 6] <= run.copies[:, 5])


def crowd() -> Trace:
    """Return one user who floods a replica, and a second one who comes later."""
    count = 30
    return Trace(
        arrival=np.concatenate((np.zeros(count), [2.0, 2.1, 2.2])),
        prompt=np.full(count + 3, 100),
        output=np.full(count + 3, 800),
        user=np.repeat([0, 1], [count, 3]),
        deadline=np.repeat([np.inf, 0.5], [count, 3]),
        priority=np.repeat([1, 0], [count, 3]),
    )


@pytest.mark.parametrize("order", [VirtualTokenCounter(), DeficitRoundRobin(), SloSlack(ttft=60.0), Priority()])
def test_any_order_preempts_those_who_run_where_seats_are_switched(order: Any) -> None:
    def waits(engine: Any) -> tuple[float, int]:
        scenario = ServeScenario(
            trace=Given(), model="llama-3-8b", engine=engine, order=order, cost=Linear(0.01, 0.0001), kv_tokens=4000
        )
        rows = scenario.simulate(trace=crowd()).requests
        return float((rows["first_token"] - rows["arrival"])[-3:].max()), int(rows["preemptions"][:30].sum())

    seconds, preempted = waits(Fastswitch(every=5))
    assert preempted > 0
    assert 2.0 * seconds < waits(VllmV1(enable_prefix_caching=False))[0]


def test_a_turn_finds_on_the_host_what_the_turn_before_it_left() -> None:
    trace = Trace(
        arrival=np.zeros(2),
        prompt=np.array([100, 150]),
        output=np.array([20, 20]),
        session=np.zeros(2, np.int64),
        after=np.array([-1, 0]),
        pause=np.array([0.0, 1.0]),
    )
    scenario = ServeScenario(trace=Given(), model="llama-3-8b", engine=Fastswitch(), cost=Linear(0.01, 0.0001))
    run = scenario.simulate(trace=trace)
    assert run.requests["cached"].tolist() == [0, 119]  # the last token of an answer was never computed
    assert run.copies[:, [1, 2, 5, 6]].tolist() == [[0, 0, 8, 1], [1, 1, 8, 1]]
    apart = scenario.simulate(trace=replace(trace, session=None))
    assert apart.requests["cached"].tolist() == [0, 0]
    assert len(apart.copies) == 0
