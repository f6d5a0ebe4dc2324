"""Formulas that the kernel must meet where they hold: M/M/1, M/M/k, Little, the makespan of a fixed batch."""

import math

import numpy as np
import pytest

from evenly.core import Trace
from evenly.hardware.costs.linear import Linear
from evenly.serve.results import outcome
from evenly.serve.scenario import ServeScenario
from evenly.traces.lengths.normal import Normal
from evenly.traces.sources.poisson import Poisson
from tests.kernel.workload import serve

MANY = 400_000


def test_one_seat_and_exponential_prompts_wait_as_m_m_1() -> None:
    chance = np.random.default_rng(1)
    load, service = 0.6, 1000.0  # mean service: 1000 tokens of 1 ms, one pass each
    trace = Trace(
        arrival=np.cumsum(chance.exponential(1 / load, MANY)),
        prompt=np.maximum(1, np.rint(chance.exponential(service, MANY))).astype(np.int64),
        output=np.ones(MANY, np.int64),
    )
    requests = serve(trace, blocks=1 << 20, seats=1, budget=1 << 40, longest=1 << 30, tables=(0.0, 1e-3, 0.0)).requests
    wait = (requests["start"] - requests["arrival"]).mean()
    assert wait == pytest.approx(load / (1 - load), rel=0.03)


@pytest.mark.parametrize("servers", [2, 5])
def test_k_seats_and_exponential_outputs_wait_as_m_m_k(servers: int) -> None:
    chance = np.random.default_rng(2)
    load, mean = 0.7, 400  # a pass takes 1 / 400 s whatever is in it, so a request lasts a second on average
    count = MANY // 2
    trace = Trace(
        arrival=np.cumsum(chance.exponential(1 / (load * servers), count)),
        prompt=np.ones(count, np.int64),
        output=np.maximum(1, np.rint(chance.exponential(mean, count))).astype(np.int64),
    )
    run = serve(trace, blocks=1 << 20, seats=servers, longest=1 << 30, tables=(1 / mean, 0.0, 0.0))
    wait = (run.requests["start"] - run.requests["arrival"]).mean()
    offered = load * servers
    queued = offered**servers / math.factorial(servers) / (1 - load)
    erlang = queued / (sum(offered**k / math.factorial(k) for k in range(servers)) + queued)
    step = 0.5 / mean  # an arrival also waits for the end of the pass under way
    assert wait == pytest.approx(erlang / (servers * (1 - load)) + step, rel=0.03)


@pytest.mark.parametrize("engine", ["vllm-v0", "vllm-v1", "sarathi", "orca", "fastgen", "vllm-v0-chunked"])
def test_a_fixed_batch_takes_the_closed_form(engine: str) -> None:
    count, prompt, output = 8, 50, 120
    fixed, token, resident = 0.01, 5e-5, 1e-7
    trace = Trace(np.zeros(count), np.full(count, prompt), np.full(count, output))
    run = serve(trace, engine, blocks=100_000, longest=512)
    passes = fixed + token * count * prompt  # all prompts in one pass
    for k in range(output - 1):
        passes += fixed + token * count + resident * count * (prompt + k)
    assert run.requests["finish"].max() == pytest.approx(passes, rel=1e-9)
    assert run.requests["finish"].min() == run.requests["finish"].max()


def test_requests_in_the_system_are_arrival_rate_times_time_in_it() -> None:
    scenario = ServeScenario(
        trace=Poisson(rate=6.0, requests=4000, lengths=Normal(prompt=300, output=60)),
        replicas=2,
        cost=Linear(0.01, 0.0001),
        kv_tokens=6000,
        max_model_len=4096,
    )
    result = outcome(scenario, scenario.fleet(), scenario.simulate())
    inside = (result.series["timeline"]["waiting"] + result.series["timeline"]["running"])[:-1]
    rate = len(result.items["arrival"]) / result.items["finish"].max()
    assert inside.mean() == pytest.approx(rate * result.metrics["e2e_mean"], rel=0.03)


def test_equal_requests_over_equal_replicas_are_dealt_evenly_by_every_router_that_looks() -> None:
    from evenly.serve.routers import routers

    trace = Trace(np.zeros(60), np.full(60, 100), np.full(60, 10))
    for name in ("round-robin", "least-requests", "least-work", "prefix-aware"):
        home = serve(trace, replicas=6, route=routers[name]()).requests["replica"]
        assert np.bincount(home, minlength=6).tolist() == [10] * 6, name


def test_two_engines_meet_the_same_luck() -> None:
    """Power of d draws from (seed, request): its candidates do not depend on what happened before."""
    from evenly.serve.routers.power_of_d import PowerOfD

    trace = Trace(np.linspace(0.0, 3000.0, 300), np.full(300, 100), np.full(300, 10))  # idle whenever one arrives
    homes = [serve(trace, engine, replicas=8, route=PowerOfD()).requests["replica"] for engine in ("vllm-v1", "orca")]
    np.testing.assert_array_equal(homes[0], homes[1])
    assert len(np.unique(homes[0])) == 8
