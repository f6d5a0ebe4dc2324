"""Fleets whose replicas come and go: figures of a scenario, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.scalers.ladder import Ladder
from evenly.core import Document, Trace
from evenly.papers.testbed import Given
from evenly.serve.results import outcome
from evenly.serve.scaling import Scaling
from evenly.serve.scenario import ServeScenario
from evenly.sweep.scenarios import scenario_of

FLEET = ServeScenario(trace=Given(), replicas=4, scaling=Scaling())


def trace(count: int = 300, rate: float = 20.0, seed: int = 0) -> Trace:
    chance = np.random.default_rng(seed)
    arrival = np.cumsum(chance.exponential(1 / rate, count))
    return Trace(arrival, chance.integers(1, 1200, count), chance.integers(1, 300, count))


def figures(scenario: ServeScenario, sent: Trace) -> tuple[Any, Any]:
    fleet = scenario.fleet()
    run = scenario.simulate(fleet, sent)
    return outcome(scenario, fleet, run), run


def test_a_fleet_that_never_stops_has_the_figures_of_a_fixed_one() -> None:
    sent = trace()
    fixed, _ = figures(replace(FLEET, scaling=None), sent)
    stays, _ = figures(replace(FLEET, scaling=Scaling(least=4)), sent)
    for name, value in fixed.metrics.items():
        if name != "idle_share":  # which counts from time 0 where replicas stay, else from the first arrival
            assert stays.metrics[name] == pytest.approx(value, nan_ok=True), name
    assert stays.metrics["replica_hours"] == pytest.approx(4 * stays.metrics["makespan"] / 3600)
    assert (stays.metrics["cold_share"], stays.metrics["starts"]) == (0.0, 0.0)
    assert "replica_hours" not in fixed.metrics


def test_a_start_takes_image_weights_and_warm_up_and_weights_the_slower_of_storage_and_link() -> None:
    known = FLEET.fleet().model
    assert Scaling(image=1.0, bandwidth=1e9, warm_up=2.0).start(known, 25e9) == 3.0 + known.weight_bytes / 1e9
    assert Scaling(image=0.0, bandwidth=1e12, warm_up=0.0).start(known, 25e9) == known.weight_bytes / 25e9
    lone, _ = figures(FLEET, Trace(np.zeros(1), np.array([100]), np.array([1])))
    start = Scaling().start(known, 25e9)
    assert start < lone.metrics["ttft_mean"] < start + 0.1


def test_less_is_there_costs_less_and_waits_longer() -> None:
    sent = trace(600, 2.0)
    variants = [Scaling(least=4), Scaling(Fixed(60.0), concurrency=4), Scaling(Fixed(1.0), concurrency=4)]
    hours, waits = zip(
        *(
            (m["replica_hours"], m["ttft_p99"])
            for m in (figures(replace(FLEET, scaling=s), sent)[0].metrics for s in variants)
        ),
        strict=True,
    )
    assert list(hours) == sorted(hours, reverse=True)
    assert list(waits) == sorted(waits)


def test_replica_seconds_are_busy_idle_or_starting_and_the_lives_are_drawn() -> None:
    ladder = Scaling(Fixed(5.0), Ladder(), least=1, concurrency=4, every=5.0)
    made, run = figures(replace(FLEET, scaling=ladder), trace(400, 6.0))
    lived = float(run.lives.seconds.sum())
    assert made.metrics["idle_share"] == pytest.approx(1 - run.pools["busy"].sum() / lived)
    lives = made.series["lives"]
    assert float((lives["end"] - lives["time"]).sum()) == pytest.approx(lived)
    assert (lives["time"] <= lives["ready"]).all()
    assert (lives["ready"] <= lives["end"]).all()
    there = made.series["timeline"]["replicas"]
    assert 1 <= there.min() <= there.max() <= 4
    width = float(made.series["timeline"]["time"][0])
    assert float(there.sum()) * width == pytest.approx(lived, rel=0.25)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{least: 5}", "least is at most replicas, 4, not 5"),
        ("{least: -1}", "least is at least 0 replicas, not -1"),
        ("{scale: ladder}", "least is at least 1 replica with a scaler"),
        ("{scale: {use: ladder, band: 0.8}, least: 1}", "band is at least 0 and below busy, 0.7, not 0.8"),
        ("{concurrency: 0}", "concurrency is at least 1 request"),
        ("{bandwidth: 0}", "bandwidth is positive and finite"),
        ("{warm_up: -1}", "warm_up is at least 0 and finite"),
        ("{keep: clairvoyant}", "keep that knows the future"),
        ("{keep: fixd}", "did you mean 'fixed'"),
        ("{}\nengine: semi-pd", "scaling needs an engine with one lane"),
        ("{}\nretain: {use: fixed-ttl, ttl: 2.0}", "a replica that stops keeps no blocks"),
    ],
)
def test_mistakes_in_a_fleet_are_told(line: str, message: str) -> None:
    text = f"kind: serve\ntrace: {{use: poisson}}\nreplicas: 4\nscaling: {line}\n"
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(text, "fleet.yaml")).run()
