"""Why a device each for prompts and decodes loses: for its memory where that is so, and not else."""

import numpy as np
import pytest

from evenly.core import Outcome, Trace
from evenly.hardware.costs.layer_table import LayerTable
from evenly.measure.slo import Slo
from evenly.papers.testbed import a100
from evenly.report.why import reason
from evenly.serve.engines import Engine
from evenly.serve.engines.disaggregated import Disaggregated
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.results import outcome
from evenly.serve.scenario import ServeScenario

STRANDED = "blocks run out on the device of its decodes"


def requests(prompt: int, output: int, rate: float) -> Trace:
    """Return 300 requests with lengths around these means."""
    chance = np.random.default_rng(1)
    gaps = chance.exponential(1.0 / rate, 300)
    lengths = [chance.integers(mean // 2, mean * 3 // 2, 300) for mean in (prompt, output)]
    return Trace(np.cumsum(gaps), lengths[0], lengths[1])


def served(engine: Engine, trace: Trace, kv_tokens: int) -> Outcome:
    """Return what two A100 do, as two replicas or as one of two devices."""
    replicas = 1 if isinstance(engine, Disaggregated) else 2
    scenario = a100(
        "llama-3-8b",
        1,
        engine,
        cost=LayerTable(host=0.0),
        host_overhead=0.005,
        kv_tokens=kv_tokens,
        replicas=replicas,
        slo=Slo(ttft=1.0, tpot=0.1),
    )
    assert isinstance(scenario, ServeScenario)
    fleet = scenario.fleet()
    return outcome(scenario, fleet, scenario.simulate(fleet=fleet, trace=trace))


def test_long_outputs_strand_the_memory_of_the_prompts_device() -> None:
    sent = requests(prompt=100, output=600, rate=4.0)
    apart, one = (served(engine, sent, 20_000) for engine in (Disaggregated(), SemiPd()))
    assert apart.metrics["goodput"] < 0.95 * one.metrics["goodput"]
    assert apart.metrics["kv_peak"] > 0.95
    for judge in ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "throughput"):
        assert STRANDED in reason(apart, one, judge)
        assert STRANDED not in reason(one, apart, judge)


@pytest.mark.parametrize(("prompt", "output", "rate"), [(3000, 20, 8.0), (300, 200, 30.0)])
def test_memory_is_not_blamed_where_there_is_enough(prompt: int, output: int, rate: float) -> None:
    """The decodes' device is several times as full as the other one, or a single device has all the prompts."""
    sent = requests(prompt, output, rate)
    apart, one = (served(engine, sent, 400_000) for engine in (Disaggregated(), SemiPd()))
    assert apart.metrics["goodput"] < one.metrics["goodput"]
    for judge in ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "throughput"):
        said = reason(apart, one, judge)
        assert STRANDED not in said
        assert "stall behind prompts" not in said


def test_blocks_of_both_devices_in_the_mean_are_what_requests_held_by_hand() -> None:
    """One request: its blocks stand on the prompts' device until they are copied, then on the decodes'."""
    sent = Trace(np.array([0.0]), np.array([1600]), np.array([2]))
    apart = served(Disaggregated(block_size=16), sent, 16_000)
    first, finish = (float(apart.items[name][0]) for name in ("first_token", "finish"))
    held = float(apart.facts["kv mean of the prompts' device"]) * finish * 1000
    assert held == pytest.approx(100 * first, rel=0.02)  # and 0.7 ms on the link
    held = float(apart.facts["kv mean of the decodes' device"]) * finish * 1000
    assert held == pytest.approx(100 * (finish - first), rel=0.1)
