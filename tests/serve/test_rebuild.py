"""The time to compute a context again follows from the cost model of the scenario."""

from typing import Any

import numpy as np
import pytest

from evenly.core import Trace
from evenly.hardware.costs.linear import Linear
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.host_cache import HostCache
from evenly.hardware.model import model
from evenly.serve.retentions.fixed_ttl import FixedTtl
from evenly.serve.retentions.learned_ttl import LearnedTtl
from evenly.serve.scenario import ServeScenario
from evenly.traces.sources.agents import Agents


def scenario(**slots: Any) -> ServeScenario:
    return ServeScenario(trace=Agents(), max_model_len=16_384, **{"retain": LearnedTtl()} | slots)


def terms(served: ServeScenario) -> list[float]:
    found: Any = served.retention(served.fleet())
    return list(found.rebuild)


def first_token(served: ServeScenario, tokens: int) -> float:
    """Return when a prompt gets its first token on an idle replica."""
    run = served.simulate(trace=Trace(np.zeros(1), np.array([tokens]), np.array([1])))
    return float(run.requests["first_token"][0])


@pytest.mark.parametrize("cost", [Linear(0.0237, 25.8e-6), Roofline()])
@pytest.mark.parametrize("slowdown", [1.0, 1.5])
def test_the_quadratic_is_the_time_that_the_simulator_takes_for_a_prompt_alone(cost: Any, slowdown: float) -> None:
    served = scenario(cost=cost, slowdown=slowdown)
    a, b, c = terms(served)
    for tokens in (4000, 9000, 16_000):
        taken = first_token(served, tokens)
        step = slowdown * cost.seconds(np.array([1]), np.array([0]), 0, 0.0, 0, served.fleet().tables)[0]
        assert a * tokens**2 + b * tokens + c == pytest.approx(taken, abs=step), "within the length of an empty pass"


def test_what_a_user_gives_is_not_derived() -> None:
    served = scenario(cost=Linear(), retain=LearnedTtl(rebuild=(0.0, 1.0, 2.0)))
    found: Any = served.retention(served.fleet())
    assert found.rebuild == (0.0, 1.0, 2.0)
    assert found.kv_tokens == served.fleet().kv_tokens
    assert scenario(retain=FixedTtl()).retention(served.fleet()) == FixedTtl()


def test_a_context_is_copied_back_where_that_is_cheaper_than_to_compute_it() -> None:
    block = 16 * served_bytes()
    groups, pages = HostCache(run=20.0), HostCache()
    cheap = scenario(cost=Linear(token=25.8e-6), host_cache=groups, copy_dispatch=10e-6, host_bandwidth=24e9)
    assert terms(cheap) == pytest.approx([0.0, block / 24e9 / 16, 0.0])
    dear = scenario(cost=Linear(token=25.8e-6), host_cache=pages, copy_dispatch=10e-6)
    assert terms(dear) == terms(scenario(cost=Linear(token=25.8e-6)))


def served_bytes() -> float:
    return model("llama-3.1-8b").kv_bytes_on(1)
