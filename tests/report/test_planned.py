"""Pages of plans: what they say, what they escape, and that they hold every picture."""

from dataclasses import replace

import numpy as np
import pytest

from evenly.core import Load, Metric, Outcome
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate, Part
from evenly.plan.fitting import Unfit
from evenly.plan.flags import Launch
from evenly.plan.layout import Layout
from evenly.plan.metrics import METRICS
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import Flip, Plan
from evenly.plan.spent import Spent
from evenly.report import found, planned
from evenly.report.charts.breakdown import breakdown
from evenly.report.charts.front import Point, front
from evenly.sweep.search import Found
from tests.report.samples import HOSTILE


def candidate(layout: Layout, e2e: float, energy: float) -> Candidate:
    figures = {metric.name: 1.0 for metric in METRICS}
    figures |= {"e2e_mean": e2e, "energy": energy, "ttft_mean": 0.3, "queue_mean": 0.1, "tpot_mean": e2e / 100}
    scenario = PlanScenario(trace=Given()).with_layout(layout)
    part = Part("", "h100", layout, 8, 100_000, Spent(4.0, 3.0, 1.0, 0.5, e2e, 0.0))
    return Candidate(scenario, (part,), 256, 2048, 8192, figures)


def plan() -> Plan:
    fast, thrifty, usual = (
        candidate(layout, e2e, energy)
        for layout, e2e, energy in ((Layout(tensor=4), 1.0, 5.0), (Layout(2, 2), 2.0, 3.0), (Layout(4), 3.0, 6.0))
    )
    return Plan(
        objective="e2e_mean",
        limits=(("energy", "<=", 5.5),),
        candidates=(fast, thrifty, usual),
        unfit=(Unfit("8DP", 3.0),),
        heuristic=usual,
        front=(fast, thrifty),
        rate=2.0,
        flips=(Flip(4.0, 3.5, 4.5, fast.title, thrifty.title),),
        facts={"model": HOSTILE, "devices": "4 x h100, 4 a machine"},
    )


def test_page_says_who_wins_and_how_to_start_it() -> None:
    text = planned.page(plan(), [Launch("vLLM", "0.32", ("vllm serve $MODEL", "second <line>"))], title="A plan", top=2)
    assert "4TP beats" in text
    assert "Above 4 req/s" in text
    assert "second &lt;line&gt;" in text
    assert HOSTILE not in text
    assert text.count("class='chart'") == 6  # two fronts, three breakdowns, the flips
    assert "4DP (usual rule)" in text


def test_every_request_at_once_has_no_rates() -> None:
    text = planned.page(replace(plan(), rate=float("inf"), flips=()), [], title="A plan", top=1)
    assert "flips" not in text
    assert "How to start it" not in text


def test_rates_are_covered_but_for_the_gap_where_the_best_plan_changes() -> None:
    assert planned._stretches(plan()) == [(0.5, 3.5, "4TP"), (4.5, 16.0, "2DPx2PP")]


def test_breakdown_holds_what_it_was_given() -> None:
    parts = {"a": {"x": 3.0, "y": 1.0}, "b": {"x": 2.0, "y": 0.0}}
    rows = breakdown("Time", parts, ("x", "y"), "seconds")["data"]["values"]
    assert [(row["whole"], row["part"], row["seconds"], row["share"]) for row in rows] == [
        ("a", "x", 3.0, 0.75),
        ("a", "y", 1.0, 0.25),
        ("b", "x", 2.0, 1.0),
        ("b", "y", 0.0, 0.0),
    ]


def test_front_leaves_out_what_has_no_figure() -> None:
    x, y = Metric("a", "A", "s"), Metric("b", "B", "")
    assert front([Point("p", float("nan"), 1.0, "best")], x, y) is None
    drawn = front([Point("p", float("inf"), 1.0, "best"), Point("q", 1.0, 2.0, "beaten")], x, y)
    assert drawn is not None
    assert [row["plan"] for row in drawn["data"]["values"]] == ["q"]


def searched(*figures: tuple[float, float]) -> Found:
    metrics = (Metric("cost", "Cost", "", "lower"), Metric("wait", "Wait", "s", "lower"), Metric("other", "Other", ""))
    load = Load(np.ones((1, 1)))
    ranked = tuple(
        ({"pods": k}, Outcome(str(k), {"cost": cost, "wait": wait}, load)) for k, (cost, wait) in enumerate(figures)
    )
    return Found(metrics[0], metrics, (("wait", "<=", 2.0),), ranked, (({"pods": HOSTILE}, "cannot be"),))


def test_search_names_the_best_point_and_the_next() -> None:
    page = found.page(searched((1.0, 1.0), (2.0, 0.5), (3.0, 3.0)), name="Pods", top=5)
    assert "Cost is best at pods=0 (1), among points with wait &lt;= 2. The next one is pods=1 (2)." in page
    assert HOSTILE not in page
    assert [one.name for one in found.figures(searched((1.0, 1.0)))] == ["cost", "wait"]


def test_points_are_told_apart_by_front_and_limit() -> None:
    made = searched((1.0, 1.0), (2.0, 0.5), (2.5, 0.7), (3.0, 3.0))
    points = found._points(made, made.metrics[1], made.metrics[0])
    assert [point.kind for point in points] == ["best", "on the front", "beaten", "breaks a limit"]


def test_search_in_which_nothing_keeps_the_limit() -> None:
    assert found.sentence(searched((1.0, 9.0))) == "No point keeps wait <= 2; pods=0 comes closest in Cost."


@pytest.mark.parametrize("objective", ["e2e_mean", "cost"])
def test_why_parts_the_time_that_decides(objective: str) -> None:
    text = planned.page(replace(plan(), objective=objective), [], title="A plan", top=2)
    assert ("for an output token" in text) == (objective == "e2e_mean")
