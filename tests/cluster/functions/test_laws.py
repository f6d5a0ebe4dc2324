"""Laws of a function platform: what more keep-alive does, what the future is worth, what single functions show."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.keepalives.clairvoyant import Clairvoyant
from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.predicted import Predicted
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.brute_force import few, least_cost
from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.delays.peak_shave import PeakShave
from evenly.cluster.functions.pools.constant import Constant
from evenly.cluster.functions.results import figures, lives
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.single import Single
from evenly.core import Floats
from evenly.kernel.functions.simulation import Run
from evenly.testing.functions import sample, served

gaps = st.lists(st.floats(0.001, 300.0), min_size=1, max_size=12)
runs = st.floats(0.0, 100.0)


def calls_of(between: list[float], lasting: list[float], cold: float = 0.0) -> Calls:
    arrival = np.cumsum(between)
    return few(arrival, np.resize(np.asarray(lasting), len(arrival)), cold)


def run(calls: Calls, keep: float) -> Run:
    return served(FunctionsScenario(keep=Fixed(keep)), calls)


def cold(of: Run) -> int:
    return int(np.isfinite(of.calls["began"]).sum())


def waits(of: Run, foresees: bool = False) -> float:
    return float(lives(of, foresees)[2].sum())


@given(gaps, st.lists(runs, min_size=1, max_size=5), st.floats(0.0, 200.0), st.floats(0.0, 200.0))
def test_more_keep_alive_never_makes_more_cold_starts_nor_fewer_pod_seconds(
    between: list[float], lasting: list[float], one: float, more: float
) -> None:
    calls = calls_of(between, lasting)
    less, longer = run(calls, one), run(calls, one + more)
    assert cold(longer) <= cold(less)
    assert waits(longer) >= waits(less) - 1e-6


@given(gaps, st.lists(runs, min_size=1, max_size=5), st.floats(0.1, 200.0))
def test_a_keep_alive_worth_a_cold_start_costs_at_most_twice_what_the_future_would(
    between: list[float], lasting: list[float], worth: float
) -> None:
    calls = calls_of(between, lasting)
    ours = run(calls, worth)
    best = served(FunctionsScenario(keep=Clairvoyant(worth)), calls)
    least = waits(best, foresees=True) + worth * cold(best)
    assert waits(ours) + worth * cold(ours) <= 2 * least + 1e-6


@given(gaps, st.lists(runs, min_size=1, max_size=5), st.floats(0.1, 200.0), st.floats(0.1, 1.0))
def test_a_prediction_that_is_wrong_costs_no_more_than_its_bound(
    between: list[float], lasting: list[float], worth: float, trust: float
) -> None:
    calls = calls_of(between, lasting)
    ours = served(FunctionsScenario(keep=Predicted(worth, trust)), calls)
    best = served(FunctionsScenario(keep=Clairvoyant(worth)), calls)
    least = waits(best, foresees=True) + worth * cold(best)
    assert waits(ours) + worth * cold(ours) <= (1 + 1 / trust) * least + 1e-6


@pytest.mark.parametrize("period", [40.0, 300.0])
def test_a_prediction_that_is_right_keeps_the_better_bound(period: float) -> None:
    calls = Single(period=period, seconds=0.0, cold=0.0, hours=20.0).draw(0)
    ours, best = (served(FunctionsScenario(keep=keep), calls) for keep in (Predicted(60.0, 0.25), Clairvoyant(60.0)))
    least = waits(best, foresees=True) + 60.0 * cold(best)
    assert waits(ours) + 60.0 * cold(ours) <= 1.26 * least  # the first three calls and the last wait know nothing


@settings(max_examples=30)
@given(gaps.map(lambda g: g[:6]), st.lists(runs, min_size=1, max_size=5), st.floats(0.1, 200.0))
def test_the_clairvoyant_keep_alive_costs_what_brute_force_finds(
    between: list[float], lasting: list[float], worth: float
) -> None:
    calls = calls_of(between, lasting)
    best = served(FunctionsScenario(keep=Clairvoyant(worth)), calls)
    ours = waits(best, foresees=True) + worth * cold(best)
    assert ours == pytest.approx(least_cost(calls.arrival, calls.seconds, worth), abs=1e-6)


def test_where_cold_starts_delay_calls_the_clairvoyant_comes_close_to_brute_force() -> None:
    chance = np.random.default_rng(5)
    over = []
    for _ in range(40):
        calls = few(np.sort(chance.random(6) * 300.0), chance.exponential(20.0, 6), 10.0)
        best = served(FunctionsScenario(keep=Clairvoyant(60.0)), calls)
        ours = waits(best, foresees=True) + 60.0 * cold(best)
        over.append(ours / least_cost(calls.arrival, calls.seconds, 60.0, 10.0))
    assert min(over) >= 1 - 1e-9
    assert np.mean(over) < 1.02


@given(st.floats(1.0, 200.0), st.floats(0.0, 20.0), st.floats(0.0, 5.0), st.floats(0.0, 200.0))
def test_a_period_decides_all_calls_alike(period: float, lasting: float, start: float, keep: float) -> None:
    calls = few(period * np.arange(8.0), np.full(8, lasting), start)
    free = period - start - lasting  # of the first pod, before the second call
    if abs(free) < 1e-6 or abs(keep - free) < 1e-6 or abs(period - lasting - keep) < 1e-6:
        return
    found = cold(run(calls, keep))
    if period > start + lasting + keep and period > lasting + keep:
        assert found == 8
    elif free > 0 and period - lasting < keep:
        assert found == 1


@pytest.mark.parametrize("keep", [10.0, 60.0])
def test_calls_by_chance_are_cold_as_often_as_exp_says(keep: float) -> None:
    workload = Single(period=40.0, random=True, seconds=0.0, cold=0.0, hours=300.0)
    calls = workload.draw(1)
    count, share = len(calls) - 1, math.exp(-keep / 40.0)
    assert abs(cold(run(calls, keep)) - 1 - count * share) < 3 * math.sqrt(count * share * (1 - share))


def test_for_ever_there_are_as_many_pods_as_calls_at_once_and_without_keep_alive_as_many_as_calls() -> None:
    calls = Single(period=2.0, random=True, seconds=15.0, cold=0.0, hours=1.0).draw(2)
    events = sorted(itertools.chain(((t, 1) for t in calls.arrival), ((t + 15.0, -1) for t in calls.arrival)))
    most = max(itertools.accumulate(step for _, step in events))
    assert len(run(calls, 1e9).pods) == most
    assert len(served(FunctionsScenario(keep=Release()), calls).pods) == len(calls)


def test_a_clock_is_met_by_a_pod_once_three_gaps_agree() -> None:
    workload = Single(period=300.0, seconds=0.1, cold=4.0, timer=True, hours=10.0)
    calls = workload.draw(0)
    ahead = served(FunctionsScenario(keep=TimerPrewarm()), calls)
    assert np.flatnonzero(np.isfinite(ahead.calls["began"])).tolist() == [0, 1, 2, 3]
    fixed = figures(calls, run(calls, 60.0))
    assert figures(calls, ahead)["pod_hours"] < fixed["pod_hours"]
    assert fixed["cold_starts"] == len(calls)


def test_no_asynchronous_call_waits_longer_than_it_may_without_a_pod_of_its_own_and_others_never_wait() -> None:
    calls = sample(4)
    found = served(FunctionsScenario(keep=Fixed(10.0), delay=PeakShave(7.0)), calls)
    begun = np.where(np.isfinite(found.calls["began"]), found.calls["began"], found.calls["start"])
    wait = begun - found.calls["arrival"]
    assert wait.max() <= 7.0 + 1e-9
    assert wait[calls.function == 2].max() == 0.0
    without = served(FunctionsScenario(keep=Fixed(10.0)), calls)
    assert cold(found) < cold(without)


def test_a_pool_turns_builds_into_takes_and_costs_its_pods() -> None:
    calls = sample(5)
    none, some = (served(FunctionsScenario(keep=Release(), pool=Constant(pods)), calls) for pods in (0, 20))
    built, taken = none.calls["allocation"], some.calls["allocation"]
    assert built == pytest.approx(10.5)
    assert none.pools["seconds"].sum() == 0.0
    pooled = calls.functions.pooled[calls.function] == 1
    late = calls.arrival > 30.0  # the pool is full by then
    assert taken[pooled & late] == pytest.approx(0.013)
    assert taken[~pooled] == pytest.approx(10.5)
    assert some.pools["seconds"].sum() == pytest.approx(20 * calls.span, rel=0.1)


def test_costs_add_up() -> None:
    calls = sample(6)
    found = run(calls, 60.0)
    told = figures(calls, found, worth=60.0)
    spent: Floats = np.array([one.sum() for one in lives(found)])
    assert told["pod_hours"] == pytest.approx(spent.sum() / 3600)
    assert told["cost"] == pytest.approx((spent[0] + spent[2] + 60.0 * told["cold_starts"]) / 3600)
    assert told["utility_p50"] == pytest.approx(told["utility_ready"] + 1)
