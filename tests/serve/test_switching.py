"""Seats that are switched: a plain twin agrees with the kernel, and the laws of switching hold on random workloads."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from evenly.core import Array, Floats, Trace
from evenly.papers.testbed import Given
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.scenario import COPY_START, ServeScenario
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
    blocks = alone + int(chance.integers(0, 2 + alone * chance.choice([0, 1, 3])))
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
        max_model_len=int((prompt + output).max()),
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


def test_switched_seats_agree_with_a_plain_twin_copy_by_copy() -> None:
    for seed in range(150):
        assert difference(*workload(seed)) == "", f"workload({seed})"
