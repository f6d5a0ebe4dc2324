"""The parts of Continuum and what it is compared with, each by what its publication or code says."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.kernel.serving.records import FLOW, REQUEST
from evenly.papers import continuum
from evenly.serve.orders.kept_first import KeptFirst
from evenly.serve.orders.program_first_come import ProgramFirstCome
from evenly.serve.results import columns, job_figures
from evenly.serve.retentions.fixed_ttl import FixedTtl
from evenly.serve.retentions.forever import Forever
from evenly.serve.retentions.least_waste import LeastWaste
from evenly.serve.retentions.quick_tools import QuickTools
from evenly.serve.victims.latest_program import LatestProgram
from evenly.testing.serve import BLOCK, serve
from evenly.traces.sources.agents import Agents
from evenly.traces.tools.bimodal import Bimodal
from tests.serve.programs import programs, slots_of

NAN = float("nan")


def record(**fields: Any) -> Any:
    """Return two requests: one, and the turn that follows it, with the given fields."""
    rows = np.zeros(2, REQUEST)
    rows["parent"] = [-1, 0]
    for name, values in fields.items():
        rows[name] = values
    return rows.view(np.recarray)


def order_of(first: float, kept: int = 0, preemptions: int = 0) -> float:
    flows = np.zeros(1, FLOW).view(np.recarray)
    flows.first = first
    rows = record(kept=[kept, 0], preemptions=[0, preemptions])
    return KeptFirst.rank(9.0, 1, 1, rows, flows, np.zeros(0))


@given(times=st.lists(st.floats(0.0, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=2, unique=True))
def test_preempted_turns_go_before_kept_ones_and_these_before_all_others_each_kind_by_program(
    times: list[float],
) -> None:
    early, late = sorted(times)
    line = [
        order_of(early, preemptions=1),
        order_of(late, preemptions=1),
        order_of(early, kept=2),
        order_of(late, kept=2),
        order_of(early, kept=1),  # its blocks are kept for another turn
        order_of(late),
    ]
    assert line == sorted(line)
    assert len(set(line)) == len(line)


@settings(max_examples=10)
@given(seed=st.integers(0, 1 << 30))
def test_without_kept_blocks_and_preemptions_it_is_the_order_by_program(seed: int) -> None:
    slots = slots_of(seed) | {"kv_tokens": 4000 * BLOCK}
    one, other = (serve(programs(seed), **slots | {"order": order}) for order in (KeptFirst(), ProgramFirstCome()))
    assert one.tokens.tobytes() == other.tokens.tobytes()


def test_the_victim_is_the_program_that_began_last_unless_it_is_at_its_last_turn() -> None:
    began = np.array([5.0, 9.0, 7.0, 1.0])
    rows = np.zeros(4, REQUEST)
    rows["began"], rows["last_turn"] = began, [0, 1, 0, 1]
    seen = rows.view(np.recarray)
    scores = [LatestProgram.score(10.0, i, 1, 1, seen, np.zeros(0)) for i in range(4)]
    assert np.argsort(scores)[::-1].tolist() == [2, 0, 1, 3]


def told(policy: Any, pauses: list[tuple[int, float]]) -> Any:
    """Return the memory of a policy that saw pauses of tools."""
    memory = policy.memory(0, 1)
    for tool, seconds in pauses:
        rows = record(tool=[tool, 0], finish=[0.0, NAN], arrival=[0.0, seconds], start=[0.0, NAN])
        type(policy).learn(0.0, 1, rows, memory)
    return memory


def kept(policy: Any, tool: int, memory: Any, **fields: Any) -> float:
    return float(type(policy).seconds(0.0, 0, record(tool=[tool, 0], **fields), memory))


@given(calls=st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 8.0)), max_size=40))
def test_the_public_rule_keeps_2_s_for_unknown_tools_and_those_of_a_mean_of_at_most_2_s(
    calls: list[tuple[int, float]],
) -> None:
    memory = told(QuickTools(), calls)
    for tool in range(4):
        own = [seconds for name, seconds in calls if name == tool]
        if not own or abs(sum(own) / len(own) - 2.0) > 1e-9:
            quick = not own or sum(own) / len(own) < 2.0
            assert kept(QuickTools(), tool, memory) == (2.0 if quick else 0.0)


def test_least_waste_keeps_while_the_pause_times_the_context_is_less_than_computing_it_again_for_all() -> None:
    policy = LeastWaste(rebuild=(0.0, 0.001, 0.0))
    memory = told(policy, [(1, 2.0), (1, 4.0), (2, 0.5)])
    alone = {"prompt": [900, 0], "output": [100, 0]}  # 1,000 tokens take 1 s
    assert kept(policy, 2, memory, **alone) == math.inf, "half a second is less than one"
    assert kept(policy, 1, memory, **alone) == 0.0, "three seconds are not"
    other = record(prompt=[2100, 0], finish=[NAN, NAN], start=[1.0, NAN])
    LeastWaste.learn(0.0, 0, other, memory)  # somebody else runs with 2,100 tokens, who would wait too
    assert kept(policy, 1, memory, **alone) == math.inf
    other = record(prompt=[2100, 0], finish=[2.0, NAN], start=[1.0, NAN])
    LeastWaste.learn(0.0, 0, other, memory)
    assert kept(policy, 1, memory, **alone) == 0.0
    assert kept(policy, 9, memory, **alone) == 0.0, "an unknown tool has the mean of all: 2.2 s"


def test_forever_is_a_fixed_time_beyond_every_pause() -> None:
    for seed in range(5):
        runs = [serve(programs(seed), **slots_of(seed), retain=retain) for retain in (Forever(), FixedTtl(1e9))]
        for name in ("start", "finish"):
            assert runs[0].requests[name].tobytes() == runs[1].requests[name].tobytes(), name


def test_a_job_lasts_from_the_first_arrival_to_the_last_token_and_its_tools_count() -> None:
    trace = Trace(
        arrival=np.array([0.0, 1.0, 1.0]),
        prompt=np.array([16, 16, 40]),
        output=np.array([1, 1, 1]),
        session=np.array([0, 1, 0]),
        after=np.array([-1, -1, 0]),
        pause=np.array([0.0, 0.0, 5.0]),
    )
    found = columns(serve(trace).requests)
    ends = found["finish"]
    jobs = [ends[2] - 0.0, ends[1] - 1.0]
    figures = job_figures(found)
    assert figures["job_mean"] == pytest.approx(np.mean(jobs))
    assert figures["job_p95"] == pytest.approx(np.quantile(jobs, 0.95))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_learned_time_beats_never_and_always_where_tools_are_bimodal_and_memory_is_short(seed: int) -> None:
    bed = replace(continuum.H100, kv_tokens=120_000)
    sent = Agents(rate=2, tools=Bimodal()).draw(seed)
    times = {}
    for name in ("first", "never", "always", "learned"):
        scenario = continuum.scenario_of(bed, continuum.POLICIES[name])
        run = scenario.simulate(trace=sent)
        times[name] = job_figures(columns(run.requests))["job_mean"]
    assert times["learned"] <= 1.02 * min(times["never"], times["always"])
    assert times["never"] < times["first"], "the order by program alone makes a part of the gain"
