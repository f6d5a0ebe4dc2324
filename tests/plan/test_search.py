"""The search: against brute force, its order, its front, where its answer flips, and what it refuses."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from evenly.core import Trace
from evenly.hardware.model import model
from evenly.measure.slo import Slo
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate, evaluate
from evenly.plan.estimate import static_makespan
from evenly.plan.flips import with_flips
from evenly.plan.knobs import with_knobs
from evenly.plan.layout import Layout
from evenly.plan.limits import Limit
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import Plan, at_once, at_rate, front, ranked, search
from evenly.plan.told import as_json, sentences, table
from evenly.plan.why import why
from tests.plan.samples import requests, scenario

SHORT = requests(24, 6.0)


def small(name: str = "llama-3-8b") -> PlanScenario:
    return PlanScenario(trace=Given(), model=name, device="h100")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return search(scenario(), 8, requests(60, 2.0), "latency")


def brute(base: PlanScenario, devices: int) -> dict[Layout, Candidate]:
    """Return every layout of any numbers that can be built, laid out and filled, scored."""
    numbers = range(1, devices + 1)
    found = {}
    for r, s, w, a, n in itertools.product(numbers, repeat=5):
        if r * s * w != devices or model(base.model).layers % s:
            continue
        for experts in ("tensor", "expert"):
            try:
                layout = Layout(r, s, w, a, n, experts)
                found[layout] = evaluate(base.with_layout(layout), SHORT)
            except ValueError:
                continue
    return found


@pytest.mark.parametrize(
    ("name", "devices"), [("llama-3-8b", 1), ("llama-3-8b", 2), ("llama-3-8b", 4), ("mixtral-8x7b", 4)]
)
@pytest.mark.parametrize("objective", ["latency", "goodput"])
def test_the_pruned_search_finds_what_brute_force_finds(name: str, devices: int, objective: str) -> None:
    every = brute(small(name), devices)
    found = search(small(name), devices, SHORT, objective)
    assert {one.scenario.layout for one in found.candidates} == set(every)
    best = ranked(every.values(), found.objective)[0]
    assert found.winner.scenario.layout == best.scenario.layout
    assert found.winner.figures["e2e_mean"] == best.figures["e2e_mean"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama-3-8b", "mixtral-8x7b"])
@pytest.mark.parametrize("devices", [6, 8])
def test_the_pruned_search_finds_what_brute_force_finds_on_larger_machines(name: str, devices: int) -> None:
    every = brute(small(name), devices)
    found = search(small(name), devices, SHORT, "latency")
    assert {one.scenario.layout for one in found.candidates} == set(every)
    assert found.winner.scenario.layout == ranked(every.values(), found.objective)[0].scenario.layout


def test_no_plan_is_better_than_the_winner_and_the_usual_rule_is_among_them(plan: Plan) -> None:
    answers = [one.figures["e2e_mean"] for one in plan.candidates]
    assert answers == sorted(answers)
    assert plan.heuristic is not None
    assert plan.heuristic.scenario.layout == Layout(tensor=8)
    assert plan.winner.figures["e2e_mean"] <= plan.heuristic.figures["e2e_mean"]
    assert len(plan.candidates) + len(plan.unfit) == 30
    assert all(one.missing_gb > 0 for one in plan.unfit)


def test_processes_that_share_the_work_find_the_same(plan: Plan) -> None:
    again = search(scenario(), 8, requests(60, 2.0), "latency", jobs=2)
    assert [one.title for one in again.candidates] == [one.title for one in plan.candidates]
    assert [dict(one.figures) for one in again.candidates] == [dict(one.figures) for one in plan.candidates]


def test_plans_that_break_a_limit_come_last(plan: Plan) -> None:
    bound = float(np.median([one.figures["energy"] for one in plan.candidates]))
    limits: tuple[Limit, ...] = (("energy", "<=", bound),)
    kept = [one.figures["energy"] <= bound for one in ranked(plan.candidates, "ttft_mean", limits)]
    assert kept == sorted(kept, reverse=True)
    assert any(kept)
    assert not all(kept)


def test_the_front_holds_what_nothing_beats(plan: Plan) -> None:
    names = ("e2e_mean", "energy")
    kept = front(plan.candidates, names)
    for one in plan.candidates:
        beaten = any(
            all(other.figures[n] <= one.figures[n] for n in names)
            and any(other.figures[n] < one.figures[n] for n in names)
            for other in plan.candidates
        )
        assert (one in kept) != beaten


def test_fewer_devices_are_tried_where_they_are_what_counts() -> None:
    found = search(small(), 4, SHORT, "cost")
    assert {one.scenario.layout.devices for one in found.candidates} == {1, 2, 4}
    assert {one.scenario.layout.devices for one in search(small(), 4, SHORT, "latency").candidates} == {4}


def test_the_best_plan_changes_with_the_rate() -> None:
    trace = requests(300, 8.0)
    plan = with_flips(search(small(), 8, trace, "latency"), trace)
    assert plan.flips
    for flip in plan.flips:
        assert flip.low < flip.rate < flip.high
        assert flip.before != flip.after
    low, high = (at_rate(trace, rate / plan.rate) for rate in (plan.flips[0].low, plan.flips[0].high))
    assert search(small(), 8, low, "latency").winner.title == plan.flips[0].before
    assert search(small(), 8, high, "latency").winner.title == plan.flips[0].after


def test_nothing_flips_where_all_requests_come_at_once() -> None:
    trace = at_once(SHORT)
    assert with_flips(search(small(), 2, trace), trace).flips == ()


def test_lower_clocks_save_energy_and_answer_later() -> None:
    trace = requests(40, 1.0)
    plan = with_knobs(search(small(), 2, trace, "energy"), trace)
    same = [one for one in plan.candidates if one.scenario.layout == plan.winner.scenario.layout and one.seats == 256]
    by_clock = sorted(same, key=lambda one: one.scenario.clock)
    assert plan.winner.scenario.clock < 1
    assert by_clock[0].figures["e2e_mean"] >= by_clock[-1].figures["e2e_mean"]
    assert plan.winner.figures["energy"] == min(one.figures["energy"] for one in plan.candidates)


def test_a_static_estimate_chooses_no_better_plan() -> None:
    trace = at_once(requests(100))
    plan = search(scenario(), 8, trace, "makespan")
    guess = min(plan.candidates, key=lambda one: static_makespan(scenario(one.scenario.layout), trace))
    assert guess.figures["makespan"] >= plan.winner.figures["makespan"]


def test_a_model_that_fits_nowhere_says_how_much_memory_is_missing() -> None:
    with pytest.raises(ValueError, match=r"llama-3-70b does not fit into 1 x h100: .* lacks [0-9.]+ GB on each device"):
        search(scenario(), 1, SHORT)
    long = Trace(np.zeros(1), np.array([4_000_000]), np.array([1]))
    with pytest.raises(ValueError, match="the longest request"):
        search(scenario(), 8, long)


@pytest.mark.parametrize(
    ("name", "near"), [("goodputt", "did you mean 'goodput'"), ("kv_peak", "no objective or limit")]
)
def test_an_objective_that_is_none_is_refused(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        search(small(), 1, SHORT, name)


def test_a_plan_is_told_in_words_a_table_and_json(plan: Plan) -> None:
    text = why(plan)
    assert plan.winner.title in text
    assert plan.candidates[1].title in text
    assert any("vllm serve" in line for line in sentences(plan))
    assert table(plan, 3).row_count in (3, 4)
    told = json.loads(json.dumps(as_json(plan, 3)))
    assert told["winner"] == plan.winner.title
    assert len(told["candidates"]) == 3
    assert told["scored"] == len(plan.candidates)


def test_a_plan_without_a_plan_that_keeps_its_limits_says_so(plan: Plan) -> None:
    strict = replace(plan, limits=(("ttft_mean", "<=", 1e-6),))
    assert why(strict).startswith("No plan keeps ttft_mean <= 1e-06")


def test_limits_that_nobody_keeps_are_told_with_what_the_best_plan_takes(plan: Plan) -> None:
    assert "No request keeps" not in "".join(sentences(plan))
    hopeless = search(replace(scenario(), slo=Slo(ttft=1.0, tpot=1e-4)), 8, SHORT, "goodput")
    (said,) = [line for line in sentences(hopeless) if line.startswith("No request keeps")]
    assert "tpot:0.1, in ms" in said
    assert f"{1e3 * hopeless.winner.figures['tpot_mean']:.3g} ms" in said
