"""Variants that are judged by two figures at once."""

import numpy as np
import pytest

from evenly.cluster.functions.metrics import METRICS
from evenly.core import Load, Outcome
from evenly.report.charts.trade import trade
from evenly.report.page import render
from evenly.report.trade import front, pair, sentences
from evenly.serve.metrics import METRICS as SERVING

NAMES = ("cold_starts", "pod_hours")


def outcome(label: str, cold: float, hours: float) -> Outcome:
    return Outcome(label, {"cold_starts": cold, "pod_hours": hours}, Load(np.ones((1, 1))))


FOUR = [outcome("none", 900, 10), outcome("fixed", 500, 60), outcome("ahead", 200, 40), outcome("long", 100, 300)]


def test_variants_are_judged_by_two_figures_where_all_of_them_have_both() -> None:
    assert pair(FOUR) == NAMES
    load = Load(np.ones((1, 1)))
    fixed = Outcome("fixed", {"ttft_p99": 1.0}, load)
    elastic = Outcome("elastic", {"ttft_p99": 2.0, "replica_hours": 3.0}, load)
    assert pair([elastic]) == ("ttft_p99", "replica_hours")
    assert pair([fixed, elastic]) is None
    assert pair([]) is None
    assert sentences([elastic], SERVING, ("ttft_p99", "replica_hours")) == []


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    assert [one.label for one in front(FOUR, NAMES)] == ["none", "ahead", "long"]
    twins = [outcome("a", 1, 1), outcome("b", 1, 1)]
    assert front(twins, NAMES) == twins


def test_who_is_beaten_and_by_whom_is_told_with_both_figures() -> None:
    opening, beaten = sentences(FOUR, METRICS, NAMES)
    assert opening.startswith(
        "Nothing beats long (100 cold starts, 300 h), ahead (200 cold starts, 40 h) and none (900"
    )
    assert beaten == "fixed (500 cold starts, 60 h) is beaten by ahead."
    assert sentences([FOUR[0], FOUR[3]], METRICS, NAMES)[0].startswith("Nothing beats long")
    assert sentences([outcome("x", 2, 2), outcome("y", 1, 1)], METRICS, NAMES)[0].startswith(
        "y (1 cold starts, 1 h) wins"
    )


@pytest.mark.parametrize("least", [0.0, 5.0])
def test_the_chart_has_a_point_for_each_variant_and_takes_none_for_a_figure(least: float) -> None:
    spec = trade([*FOUR, outcome("never", least, 900)], METRICS, NAMES)
    assert [row["variant"] for row in spec["data"]["values"] if row["front"]] == ["none", "ahead", "long", "never"]
    scale = spec["layer"][1]["encoding"]["y"]["scale"]["type"]
    assert scale == ("symlog" if least == 0 else "log")


def test_points_that_lie_on_each_other_are_named_together() -> None:
    close = [outcome("a", 100, 10), outcome("b", 101.5, 10), outcome("c", 103, 10), outcome("d", 300, 2)]
    values = trade(close, METRICS, NAMES)["data"]["values"]
    assert [row["name"] for row in values] == ["a, b", "", "c", "d"]
    assert [row["name"] for row in trade([FOUR[0], FOUR[0]], METRICS, NAMES)["data"]["values"]] == ["none, none", ""]


def test_the_page_shows_the_trade() -> None:
    page = render(FOUR, title="t", metrics=METRICS)
    assert "What is bought with what" in page
    assert "is beaten by ahead" in page
