"""The sentences that say who wins."""

from dataclasses import replace

import numpy as np
import pytest

from evenly.report.verdict import peak, ranking, sentence, sentences
from evenly.serve.metrics import METRICS
from tests.report.samples import empty, outcome

SWEPT = (("a", 1, 2.0), ("a", 2, 1.0), ("b", 1, 0.5), ("b", 2, 3.0))


def test_single_run_without_limits_needs_no_verdict() -> None:
    assert sentence([outcome()], METRICS) == ""


def test_single_run_is_told_what_holds_it_back() -> None:
    one = outcome("one")
    strict = replace(one, facts={"slo": "tbt:10"})
    assert sentence([strict], METRICS).startswith("one: 100% of its requests miss the limit of 10 ms between tokens")


def test_clear_winner_is_named_with_both_figures() -> None:
    said = sentence([outcome("slow", slow=2.0), outcome("fast")], METRICS)
    assert said.startswith("fast wins: goodput 9 req/s against 4.5 req/s of slow.")


def test_winner_is_told_from_the_next_and_from_the_last() -> None:
    said = sentence([outcome("c", slow=3.0), outcome("b", slow=2.0), outcome("a")], METRICS)
    assert said.startswith("a wins: goodput 9 req/s against 4.5 req/s of b, c is last with 3 req/s.")


def test_differences_too_small_to_matter_have_no_winner() -> None:
    one = outcome("one")
    near = replace(one, label="near", metrics={name: 1.01 * value for name, value in one.metrics.items()})
    assert sentence([one, near], METRICS).startswith("No variant stands out")


def test_winner_pays_where_another_is_better() -> None:
    fast, steady = outcome("fast"), outcome("steady", slow=1.5)
    steady = replace(steady, metrics={**steady.metrics, "tbt_p99": 0.001})
    said = sentence([fast, steady], METRICS)
    assert said.startswith("fast wins")
    assert "fast pays with TBT p99: 40 ms, where steady has 1 ms" in said


def test_next_judge_decides_where_the_first_sees_a_tie() -> None:
    one = outcome("one")
    late = replace(one, label="late", metrics={**one.metrics, "ttft_p99": 2 * one.metrics["ttft_p99"]})
    said = sentence([late, one], METRICS)
    assert said.startswith("By goodput all are alike (9 req/s), so the next figure decides. one wins: TTFT p99")


def test_variants_with_nothing_to_judge_have_no_winner() -> None:
    assert sentence([empty(), empty("other")], METRICS) == "Nothing was served that could be compared."


def test_variant_without_figures_does_not_hide_the_winner() -> None:
    said = sentence([empty("stuck"), outcome("slow", slow=2.0), outcome("fast")], METRICS)
    assert said.startswith("fast wins: goodput 9 req/s against 4.5 req/s of slow; stuck has no goodput.")


def test_difference_within_the_seeds_is_called_chance() -> None:
    wide = {"goodput": np.array([6.0, 9.0, 12.0])}
    pair = [outcome("a"), outcome("b", slow=1.1)]
    noisy = [replace(one, series={**one.series, "seeds": wide}) for one in pair]
    assert sentence(pair, METRICS).startswith("a wins: goodput")
    assert "wins: goodput" not in sentence(noisy, METRICS)


def test_clear_lead_is_seen_even_where_the_last_is_all_noise() -> None:
    a, b, c = outcome("a"), outcome("b", slow=2.0), outcome("c", slow=2.5)
    seeds = {"a": [9.0, 9.0, 9.0], "b": [4.5, 4.5, 4.5], "c": [0.0, 0.0, 10.8]}
    runs = [replace(o, series={**o.series, "seeds": {"goodput": np.array(seeds[o.label])}}) for o in (a, b, c)]
    assert sentence(runs, METRICS).startswith("a and c share the lead: goodput 9 to 3.6 req/s, no clear difference; b")


@pytest.mark.parametrize(("seeds", "warned"), [(1, True), (2, True), (5, False)])
def test_slim_lead_over_few_seeds_is_called_provisional(seeds: int, warned: bool) -> None:
    pair = [outcome("a"), outcome("b", slow=1.05)]
    told = [
        replace(o, series={**o.series, "seeds": {"goodput": np.full(seeds, o.metrics["goodput"])}}) if seeds > 1 else o
        for o in pair
    ]
    assert ("tells it from luck" in sentence(told, METRICS)) == warned
    assert "luck" not in sentence([outcome("a"), outcome("b", slow=2.0)], METRICS)


def test_leaders_of_equal_rank_are_told_apart_by_the_other_judges() -> None:
    one, last = outcome("one"), outcome("last", slow=3.0)
    two = replace(one, label="two", metrics={**one.metrics, "ttft_p99": 9.0, "tbt_p99": 0.02})
    said = sentence([two, last, one], METRICS)
    assert said.startswith(
        "two and one share the lead: goodput 9 req/s, no clear difference; last follows with 3 req/s."
    )
    assert "one has the best TTFT p99" in said
    assert "two has the best TBT p99 (20 ms; one 40 ms)" in said


def test_leader_that_is_best_twice_is_named_once() -> None:
    one, last = outcome("one"), outcome("last", slow=3.0)
    two = replace(one, label="two", metrics={**one.metrics, "ttft_p99": 9.0, "tbt_p99": 0.08})
    said = sentence([two, last, one], METRICS)
    assert "one has the best TTFT p99 (489 ms; two 9 s) and the best TBT p99 (40 ms; two 80 ms)" in said


def test_label_with_a_comma_is_quoted() -> None:
    assert sentence([outcome("a, b"), outcome("c", slow=2.0)], METRICS).startswith("\u201ca, b\u201d wins")


def test_dozens_of_leaders_are_counted_and_not_listed() -> None:
    said = sentences([*(outcome(f"v{k}") for k in range(12)), outcome("last", slow=2.0)], METRICS)[0]
    assert said.startswith("v0, v1, v2 and 9 more share the lead")


def test_sweep_compares_the_best_point_of_each_variant() -> None:
    runs = [outcome(f"{name} trace.rate={rate}", slow=slow) for name, rate, slow in SWEPT]
    assert sentences(runs, METRICS)[0] == (
        "b reaches the best goodput along trace.rate: 18 req/s at 1; a at most 9 req/s (at 2)."
    )
    assert peak(runs, METRICS) == 1
    assert peak([outcome("a"), outcome("b")], METRICS) is None


def test_sweep_tells_where_variants_with_equal_best_points_part() -> None:
    points = (("a", 1, 1.0), ("a", 2, 2.0), ("a", 3, 1.5), ("b", 1, 1.0), ("b", 2, 4.0), ("b", 3, 2.0))
    runs = [outcome(f"{name} trace.rate={rate}", slow=slow) for name, rate, slow in points]
    said = sentences(runs, METRICS)
    assert said[0] == "a and b reach the best goodput along trace.rate: 9 req/s at 1, all alike."
    assert said[1] == "They part most at 2, where a still has 4.5 req/s and b 2.25 req/s."


def test_ranking_puts_the_best_first_and_those_without_figures_last() -> None:
    runs = [empty("none"), outcome("slow", slow=2.0), outcome("fast")]
    assert [o.label for o in ranking(runs, METRICS)] == ["fast", "slow", "none"]


def test_variants_on_another_workload_are_named_and_not_ranked() -> None:
    here, there = ({"trace": "burstgpt"}, {"trace": "poisson"})
    slow, fast = (replace(outcome(label, slow=slow), facts=here) for label, slow in (("slow", 2.0), ("fast", 1.0)))
    calm = replace(outcome("calm", slow=0.5), facts=there)
    said = sentences([slow, fast, calm], METRICS)
    assert said[0].startswith("fast wins")
    assert said[-1] == "calm serves another workload and cannot be ranked with it."
