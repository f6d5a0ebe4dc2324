"""The search over the space of a scenario."""

from typing import Any

import pytest

from evenly.core import Document
from evenly.plan.limits import Limit, limit, together
from evenly.serve.scenario import ServeScenario
from evenly.sweep.scenarios import kind_of, kinds, scenario_of
from evenly.sweep.search import search, title

SMALL = Document.parse("kind: serve\ntrace: {use: poisson, rate: 6, requests: 30}\nmodel: llama-3.1-8b\n", "small.yaml")


def test_every_value_of_a_declared_space_is_one_that_the_kind_takes() -> None:
    for kind in kinds():
        made = kind_of(Document({"kind": kind}))
        trace: dict[str, Any] = {"trace": {"use": "poisson"}} if kind in ("plan", "serve") else {}
        for path, values in made.space.items():
            for value in values:
                document = Document({"kind": kind} | trace).replace(path, value)
                document.structure(made, ignore=("kind",))


def test_points_are_ranked_by_the_metric_and_broken_limits_come_last() -> None:
    limits: tuple[Limit, ...] = (("energy", "<=", 3.0),)
    over = {"replicas": (1, 2, 4), "tensor": (1, 2)}
    found = search(SMALL, "ttft_mean", limits, over)
    assert len(found.ranked) == 6
    keys = [(not found.keeps(made), made.metrics["ttft_mean"]) for _, made in found.ranked]
    assert keys == sorted(keys)


def test_the_declared_space_is_searched_where_nothing_is_said() -> None:
    found = search(SMALL, "goodput")
    size = 1
    for values in ServeScenario.space.values():
        size *= len(values)
    assert len(found.ranked) + len(found.skipped) == size
    best = found.ranked[0][1].metrics["goodput"]
    assert best == max(made.metrics["goodput"] for _, made in found.ranked)


def test_points_that_cannot_be_are_kept_with_their_reason() -> None:
    found = search(SMALL, "goodput", over={"tensor": (1, 0)})
    assert [point for point, _ in found.skipped] == [{"tensor": 0}]
    assert "at least 1" in found.skipped[0][1]
    with pytest.raises(ValueError, match="none of 1 points can be run"):
        search(SMALL, "goodput", over={"tensor": (0,)})


@pytest.mark.parametrize(
    ("objective", "over", "message"),
    [
        ("goodputs", {}, "did you mean 'goodput'"),
        ("kv_peak", {}, "no objective or limit"),
        ("goodput", {"replicas": range(1, 20_000)}, "at most 10,000 points"),
    ],
)
def test_what_cannot_be_searched_is_refused(objective: str, over: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(SMALL, objective, over=over)


def test_a_kind_without_space_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServeScenario, "space", {})
    with pytest.raises(ValueError, match="declares no space; say one with --over"):
        search(SMALL, "goodput")


@pytest.mark.parametrize("text", ["energy", "energy<3", "energy<=much", "<=3", "energy<=nan", "energy<=0"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        limit(text)


def test_limits_that_leave_room_are_kept() -> None:
    both = (limit("energy>=1"), limit("energy<=2"))
    assert together(both) == both
    assert scenario_of(SMALL).kind == "serve"
    assert title({"engine": "vllm-v1", "tensor": 2}) == "engine=vllm-v1 tensor=2"
