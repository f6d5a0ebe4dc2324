"""Figures of an outcome against the times of every token, counted one by one."""

from dataclasses import replace

import numpy as np
import pytest

from evenly.core import Trace
from evenly.hardware.costs.linear import Linear
from evenly.measure.slo import Slo
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.metrics import METRICS
from evenly.serve.orders.redrawn import Redrawn
from evenly.serve.results import outcome
from evenly.serve.routers.session_affinity import SessionAffinity
from evenly.serve.scenario import ServeScenario, servable
from evenly.traces.lengths.normal import Normal
from evenly.traces.sources.poisson import Poisson

SCENARIO = ServeScenario(
    trace=Poisson(rate=6.0, requests=400, lengths=Normal(prompt=300, output=60), users=7),
    replicas=2,
    cost=Linear(0.01, 0.0001),
    kv_tokens=6000,
    max_model_len=4096,
    slo=Slo(ttft=0.5, tbt=0.1),
)


def test_every_figure_agrees_with_the_times_of_all_tokens() -> None:
    fleet = SCENARIO.fleet()
    run = SCENARIO.simulate(record_tokens=True)
    result = outcome(SCENARIO, fleet, run)
    sent = servable(SCENARIO.trace.draw(SCENARIO.seed))
    ends = np.cumsum(sent.output)
    times = [run.tokens[end - count : end] for end, count in zip(ends, sent.output, strict=True)]
    ttft = np.array([own[0] - at for own, at in zip(times, sent.arrival, strict=True)])
    e2e = np.array([own[-1] - at for own, at in zip(times, sent.arrival, strict=True)])
    gaps = [np.diff(own) for own in times]
    every = np.concatenate(gaps)
    met = (ttft <= 0.5) & np.array([own.max(initial=0.0) <= 0.1 for own in gaps])
    span = max(own[-1] for own in times) - sent.arrival[0]
    expected = {
        "ttft_mean": ttft.mean(),
        "ttft_p50": np.quantile(ttft, 0.5),
        "ttft_p99": np.quantile(ttft, 0.99),
        "e2e_mean": e2e.mean(),
        "e2e_p99": np.quantile(e2e, 0.99),
        "tpot_mean": np.mean([own.mean() for own in gaps if len(own)]),
        "slo_share": met.mean(),
        "goodput": met.sum() / span,
        "throughput": 400 / span,
        "token_rate": sent.output.sum() / span,
        "makespan": span,
        "rejected": 0.0,
    }
    for name, value in expected.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-9), name
    for name, share in (("tbt_p50", 0.5), ("tbt_p99", 0.99)):
        assert result.metrics[name] == pytest.approx(np.quantile(every, share), rel=2e-3), name


def test_every_metric_of_the_table_is_there() -> None:
    result = SCENARIO.run()
    names = {metric.name for metric in METRICS} - {"replica_hours", "cold_share", "starts"}  # of fleets that change
    assert set(result.metrics) == {name for name in names if not name.startswith("switch_")}
    switched = replace(SCENARIO, engine=Fastswitch(), order=Redrawn(), kv_tokens=1500, swap_space=1e12).run()
    assert set(switched.metrics) == names
    assert switched.metrics["switch_bytes"] > 0
    copied = switched.series["copies"]
    assert np.all(np.diff(copied["start"][copied["back"] == 0]) >= 0)
    assert copied["pages"].sum() * 16 * 131_072 / 1e9 == pytest.approx(switched.metrics["switch_bytes"])
    assert all(np.isfinite(value) for value in result.metrics.values())


def test_busy_time_and_timeline_add_up() -> None:
    result = SCENARIO.run()
    assert result.load.span is not None
    assert result.load.span.sum() == pytest.approx(np.nanmax(result.items["finish"]))
    assert np.all(result.load.work <= result.load.span[:, None] + 1e-12)
    timeline = result.series["timeline"]
    assert timeline["running"][-1] == 0
    assert timeline["waiting"][-1] == 0
    tokens = (timeline["tokens"] * result.load.span).sum()
    owed = (result.items["prompt"] + result.items["output"] - 1).sum()
    assert tokens >= owed - result.items["cached"].sum() - 1e-6
    again = result.metrics["recompute_share"] * tokens
    assert tokens - again == pytest.approx(owed - result.items["cached"].sum(), rel=1e-6)


def test_equal_seeds_give_equal_outcomes_and_other_seeds_do_not() -> None:
    one, two, other = SCENARIO.run(), SCENARIO.run(), replace(SCENARIO, seed=1).run()
    assert one.metrics == two.metrics
    for name, column in one.items.items():
        np.testing.assert_array_equal(column, two.items[name], err_msg=name)
    assert one.metrics != other.metrics


def test_requests_that_never_fit_are_rejected_and_counted() -> None:
    trace = Trace(np.zeros(3), np.array([100, 5000, 100]), np.array([5, 5, 5]))

    class Three:
        def draw(self, seed: int) -> Trace:
            return trace

    result = replace(SCENARIO, trace=Three()).run()
    assert result.metrics["rejected"] == pytest.approx(1 / 3)
    assert np.isnan(result.items["finish"]).tolist() == [False, True, False]


def test_failed_rows_are_not_sent_and_their_followers_take_their_place() -> None:
    trace = Trace(
        arrival=np.array([0.0, 1.0, 2.0]),
        prompt=np.array([10, 10, 10]),
        output=np.array([5, 0, 5]),
        failed=np.array([False, True, False]),
        after=np.array([-1, 0, 1]),
        pause=np.array([0.0, 1.0, 1.0]),
    )
    sent = servable(trace)
    assert sent.after is not None
    assert sent.after.tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replicas": 0}, "replicas and tensor are at least 1"),
        ({"slowdown": 0.0}, "slowdown is a positive factor"),
        ({"kv_tokens": 3}, "hold not one block"),
        ({"model": "llama-3.1-8c"}, "did you mean 'llama-3.1-8b'"),
        ({"device": "h10"}, "did you mean 'h100'"),
        ({"model": "llama-2-70b", "kv_tokens": None}, "does not fit into 1 x a100-80gb.*GB missing"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SCENARIO, **change).run()  # type: ignore[arg-type]


def test_shares_and_evenness_agree_with_counting_requests_one_by_one() -> None:
    tight = replace(SCENARIO, kv_tokens=1500)
    fleet = tight.fleet()
    run = tight.simulate(record_passes=100_000)
    result = outcome(tight, fleet, run)
    items, log = result.items, run.log
    pace: dict[int, list[float]] = {}
    for i in range(len(items["arrival"])):
        seconds = items["finish"][i] - items["arrival"][i]
        pace.setdefault(int(items["user"][i]), []).append(seconds / items["output"][i])
    means = np.array([np.mean(own) for own in pace.values()])
    busy = np.array([(log[log[:, 0] == r, 2] - log[log[:, 0] == r, 1]).sum() for r in range(2)])
    makespan = items["finish"].max() - items["arrival"].min()
    assert result.metrics["preemptions"] == items["preemptions"].sum() / 400 > 0
    assert result.metrics["fairness"] == pytest.approx(means.sum() ** 2 / (len(means) * (means**2).sum()), rel=1e-12)
    assert result.metrics["imbalance"] == pytest.approx(busy.max() / busy.mean(), rel=1e-9)
    assert result.metrics["idle_share"] == pytest.approx(1 - busy.sum() / (2 * items["finish"].max()), rel=1e-6)
    joules = result.metrics["energy"] * items["output"].sum()
    assert fleet.device.idle * 2 * makespan <= joules <= fleet.device.peak * 2 * makespan


def test_sessions_steer_affinity_even_where_no_turn_waits_for_another() -> None:
    count = 120
    session = np.arange(count) % 17
    trace = Trace(np.linspace(0.0, 12.0, count), np.full(count, 50), np.full(count, 5), session=session)
    home = replace(SCENARIO, replicas=4, route=SessionAffinity()).simulate(trace=trace).requests["replica"]
    for one in range(17):
        assert len(set(home[session == one])) == 1
    assert len(set(home)) > 1


def test_turns_that_do_not_repeat_their_history_hit_nothing_and_keep_their_replica() -> None:
    trace = Trace(
        arrival=np.array([0.0, 1.0, 2.0]),
        prompt=np.array([200, 40, 300]),
        output=np.array([5, 5, 5]),
        session=np.array([3, 3, 3]),
        after=np.array([-1, 0, 1]),
        pause=np.array([0.0, 1.0, 1.0]),
    )
    requests = replace(SCENARIO, replicas=4, route=SessionAffinity()).simulate(trace=trace).requests
    assert requests["cached"].tolist() == [0, 0, 0]
    assert len(set(requests["replica"])) == 1
