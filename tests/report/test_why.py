"""The cause that a verdict names is at work in the variant behind, and not in the one ahead."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evenly.core import Outcome
from evenly.report.why import broken, reason
from tests.report.samples import empty, outcome


def crowded(one: Outcome, share: float) -> Outcome:
    """Return an outcome whose KV cache is full for a share of the time."""
    timeline = one.series["timeline"]
    kv = np.where(np.arange(60) < 60 * share, 0.99, 0.5)
    return replace(one, series={**one.series, "timeline": {**timeline, "kv": kv}})


def jerky(one: Outcome, ratio: float) -> Outcome:
    """Return an outcome whose longest 1% of gaps are so many times the median."""
    return replace(one, metrics={**one.metrics, "tbt_p50": 0.02, "tbt_p99": 0.02 * ratio})


def preempted(one: Outcome, share: float) -> Outcome:
    """Return an outcome that preempts a share of its requests."""
    times = (np.arange(400) < 400 * share).astype(np.int64)
    return replace(one, items={**one.items, "preemptions": times})


def uneven(one: Outcome, peak: float) -> Outcome:
    """Return an outcome whose busiest replica works so many times the mean."""
    return replace(one, metrics={**one.metrics, "imbalance": peak})


def cached(one: Outcome, share: float) -> Outcome:
    """Return an outcome that finds a share of its prompts in the prefix cache."""
    return replace(one, metrics={**one.metrics, "cache_share": share})


def stalled(one: Outcome, share: float) -> Outcome:
    """Return an outcome whose device waits for copies a share of the time."""
    return replace(one, metrics={**one.metrics, "switch_stall": share})


CAUSES: tuple[tuple[Callable[[Outcome, float], Outcome], float, float, str, str], ...] = (
    (cached, 0.2, 0.7, "ttft_p99", "only 20% of its prompt tokens are in the prefix cache"),
    (cached, 0.2, 0.7, "goodput", "only 20% of its prompt tokens are in the prefix cache"),
    (crowded, 0.8, 0.0, "ttft_p99", "its KV cache is full 80% of the time"),
    (uneven, 1.8, 1.0, "ttft_p99", "its busiest replica works 1.8 times the mean"),
    (preempted, 0.25, 0.0, "tbt_p99", "25% of its requests are preempted"),
    (stalled, 0.4, 0.1, "ttft_p99", "its device waits 40% of the time of its passes for copies"),
    (jerky, 20.0, 4.0, "tbt_p99", "running requests stall behind prompts: TBT p99 400 ms, p50 20 ms"),
)


@pytest.mark.parametrize(("make", "strong", "weak", "judge", "said"), CAUSES)
def test_cause_is_named_where_it_is_at_work(
    make: Callable[[Outcome, float], Outcome], strong: float, weak: float, judge: str, said: str
) -> None:
    bad, good = make(crowded(outcome(), 0), strong), make(crowded(outcome(), 0), weak)
    assert reason(bad, good, judge) == said
    assert said not in reason(good, bad, judge)
    assert reason(bad, bad, judge) == ""


def test_longer_queue_is_the_cause_where_nothing_else_is() -> None:
    late = crowded(outcome(slow=3.0), 0)
    waits = late.items["start"] - late.items["arrival"]
    said = reason(late, crowded(outcome(), 0), "ttft_p99")
    assert said == f"1% of its requests queue for {np.quantile(waits, 0.99):.3g} s or more"


def test_broken_limits_are_counted_over_finished_requests() -> None:
    one = replace(outcome(), facts={"slo": "ttft:200 e2e:3000 tbt:40"})
    ttft = one.items["first_token"] - one.items["arrival"]
    e2e = one.items["finish"] - one.items["arrival"]
    assert broken(one) == {"ttft": np.mean(ttft > 0.2), "tbt": 0.0, "e2e": np.mean(e2e > 3.0)}
    assert broken(empty()) == {}
    assert broken(outcome()) == {}


def test_variant_misses_limits_for_the_cause_of_each() -> None:
    facts = {"slo": "ttft:1 tbt:25"}
    bad = replace(jerky(crowded(outcome("bad"), 0.5), 12), facts=facts)
    good = replace(jerky(crowded(outcome("good"), 0.0), 2), facts=facts)
    good = replace(good, items={**good.items, "worst_gap": np.full(400, 0.02), "first_token": good.items["arrival"]})
    told = reason(bad, good, "goodput")
    assert told.startswith("100% of its requests miss the limit of 1 ms to the first token (its KV cache is full 50%")
    assert "and 100% that of 25 ms between tokens (running requests stall behind prompts" in told


def test_cause_of_two_missed_limits_is_told_once() -> None:
    bad = replace(cached(outcome(slow=2.0), 0.1), facts={"slo": "ttft:100 tbt:50"})
    good = replace(cached(outcome(), 0.8), facts=bad.facts)
    assert reason(bad, good, "goodput").count("prefix cache") == 1


def test_few_preemptions_do_not_explain_many_missed_limits() -> None:
    bad = replace(preempted(outcome(slow=2.0), 0.05), facts={"slo": "tbt:50"})
    good = replace(outcome(), facts=bad.facts)
    assert "preempted" not in reason(bad, good, "goodput")
    assert "60% of its requests are preempted" in reason(preempted(bad, 0.6), good, "goodput")


def test_longer_decode_explains_longer_requests() -> None:
    slow = jerky(crowded(outcome(slow=2.0), 0), 9)
    assert reason(slow, jerky(crowded(outcome(), 0), 2), "e2e_mean").startswith("running requests stall")


def test_figures_that_are_missing_explain_nothing() -> None:
    for judge in ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "throughput"):
        assert reason(empty(), outcome(), judge) == ""
        assert reason(outcome(), empty(), judge) in ("", reason(outcome(), None, judge))
