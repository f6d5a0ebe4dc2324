"""The sentence that says who wins."""

from dataclasses import replace

import numpy as np

from evenly.report.verdict import sentence
from evenly.serve.metrics import METRICS
from tests.report.samples import empty, outcome


def test_single_run_needs_no_verdict() -> None:
    assert sentence([outcome()], METRICS) == ""


def test_clear_winner_is_named_with_both_figures() -> None:
    said = sentence([outcome("slow", slow=2.0), outcome("fast")], METRICS)
    assert said.startswith("fast wins: Goodput 9 req/s against 4.5 req/s of slow")


def test_differences_too_small_to_matter_have_no_winner() -> None:
    one = outcome("one")
    near = replace(one, label="near", metrics={name: 1.01 * value for name, value in one.metrics.items()})
    assert sentence([one, near], METRICS).startswith("No variant stands out")


def test_winner_pays_where_another_is_better() -> None:
    fast, steady = outcome("fast"), outcome("steady", slow=1.5)
    steady = replace(steady, metrics={**steady.metrics, "tbt_p99": 0.001})
    said = sentence([fast, steady], METRICS)
    assert said.startswith("fast wins")
    assert "It pays with TBT p99: 40 ms, where steady has 1 ms" in said


def test_next_judge_decides_where_the_first_sees_a_tie() -> None:
    one = outcome("one")
    late = replace(one, label="late", metrics={**one.metrics, "ttft_p99": 2 * one.metrics["ttft_p99"]})
    assert sentence([late, one], METRICS).startswith("one wins: TTFT p99")


def test_variants_with_nothing_to_judge_have_no_winner() -> None:
    assert sentence([empty(), empty("other")], METRICS).startswith("No variant stands out")


def test_difference_within_the_seeds_is_called_chance() -> None:
    wide = {"goodput": np.array([6.0, 9.0, 12.0])}
    pair = [outcome("a"), outcome("b", slow=1.1)]
    noisy = [replace(one, series={**one.series, "seeds": wide}) for one in pair]
    assert sentence(pair, METRICS).startswith("a wins: Goodput")
    assert "wins: Goodput" not in sentence(noisy, METRICS)


def test_leaders_of_equal_rank_are_told_apart_by_the_other_judges() -> None:
    one, last = outcome("one"), outcome("last", slow=3.0)
    two = replace(one, label="two", metrics={**one.metrics, "ttft_p99": 9.0, "tbt_p99": 0.02})
    said = sentence([two, last, one], METRICS)
    assert said.startswith("two and one lead: Goodput 9 req/s")
    assert "one has the best TTFT p99" in said
    assert "two has the best TBT p99 (20 ms; one 40 ms)" in said


def test_sweep_compares_the_best_point_of_each_variant() -> None:
    runs = [outcome(f"{name} trace.rate={rate}", slow=slow) for name, rate, slow in SWEPT]
    assert sentence(runs, METRICS) == (
        "b reaches the best Goodput along trace.rate: 18 req/s at 1; a at most 9 req/s (at 2)."
    )


SWEPT = (("a", 1, 2.0), ("a", 2, 1.0), ("b", 1, 0.5), ("b", 2, 3.0))
