"""Knobs by trials: against all settings, never worse than the defaults, seeded and resumed."""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from evenly.plan.candidate import evaluate, tuned
from evenly.plan.search import Plan, search
from evenly.plan.trials import ORDERS, ROUTES, Knobs, with_trials
from evenly.serve.engines.sarathi import Sarathi
from tests.plan.samples import requests, scenario

pytest.importorskip("optuna", reason="trials need the extra optuna")
TRACE = requests(60, 40.0)
FEW = Knobs(seats=(16, 256), budget=(512, 2048), clock=(1.0,), route=("round-robin",), order=("first-come",))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return search(scenario(model="llama-3-8b"), 2, TRACE, "latency")


def best(plan: Plan) -> float:
    return plan.winner.figures[plan.objective]


def test_all_settings_are_tried_where_trials_suffice(plan: Plan) -> None:
    found = with_trials(plan, TRACE, 100, knobs=FEW)
    every = [
        evaluate(tuned(leader.scenario, seats, budget, ROUTES["round-robin"], ORDERS["first-come"]), TRACE)
        for leader, seats, budget in product(plan.candidates[:3], FEW.seats, FEW.budget)
    ]
    assert best(found) == min(best(plan), min(one.figures[plan.objective] for one in every))
    assert {one.title for one in every} <= {one.title for one in found.candidates}


@pytest.mark.parametrize("objective", ["latency", "goodput", "energy"])
def test_trials_are_never_worse_than_no_trials(objective: str) -> None:
    base = search(scenario(model="llama-3-8b"), 1, TRACE, objective)
    found = with_trials(base, TRACE, 12)
    sign = -1 if objective == "goodput" else 1
    assert sign * best(found) <= sign * best(base) + (0.01 * best(base) if objective == "goodput" else 0)
    assert len(found.candidates) > len(base.candidates)


def test_one_seed_one_answer_also_where_it_was_interrupted(plan: Plan, tmp_path: Path) -> None:
    straight = with_trials(plan, TRACE, 14, seed=3)
    with_trials(plan, TRACE, 6, seed=3, file=tmp_path / "knobs.journal")
    resumed = with_trials(plan, TRACE, 14, seed=3, file=tmp_path / "knobs.journal")
    assert [one.title for one in straight.candidates] == [one.title for one in resumed.candidates]


def test_another_question_does_not_go_on_with_the_trials_of_the_first(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "knobs.journal"
    with_trials(plan, TRACE, 5, seed=1, file=file)
    assert [one.title for one in with_trials(plan, TRACE, 5, seed=2, file=file).candidates] == [
        one.title for one in with_trials(plan, TRACE, 5, seed=2).candidates
    ]


def test_no_pass_has_fewer_tokens_than_requests(plan: Plan) -> None:
    found = with_trials(plan, TRACE, 10, knobs=replace(FEW, seats=(1024,), budget=(256,)))
    assert all(one.seats <= one.budget for one in found.candidates)
    assert len(found.candidates) > len(plan.candidates)


def test_limits_are_kept_first(plan: Plan) -> None:
    bound = 1.2 * plan.winner.figures["energy"]
    limited = search(scenario(model="llama-3-8b"), 2, TRACE, "latency", (("energy", "<=", bound),))
    found = with_trials(limited, TRACE, 12)
    assert found.kept(found.winner)


def test_other_engines_have_no_such_knobs() -> None:
    other = search(scenario(model="llama-3-8b", engine=Sarathi()), 1, TRACE, "latency")
    with pytest.raises(ValueError, match="take the engine vllm-v1"):
        with_trials(other, TRACE, 3)


def test_without_optuna_the_extra_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"pip install 'evenly\[optuna\]'"):
        with_trials(plan, TRACE, 3)
