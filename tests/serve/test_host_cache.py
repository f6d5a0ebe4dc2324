"""Host memory behind the prefix cache, as a user meets it; the twin holds its schedule."""

from typing import Any

import numpy as np
import pytest

from evenly.hardware.costs.linear import Linear
from evenly.hardware.host_cache import HostCache
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.scenario import ServeScenario
from evenly.traces.sources.agents import Agents


def served(**slots: Any) -> Any:
    trace = Agents(programs=12, rate=3.0, turns=6.0)
    given: dict[str, Any] = {"cost": Linear(token=25.8e-6), "kv_tokens": 30_000, "host_cache": HostCache(run=20.0)}
    return ServeScenario(trace=trace, seed=1, **given | slots).run()


def test_what_memory_is_too_small_for_comes_back_from_the_host() -> None:
    alone, behind = served(host_cache=None), served()
    assert behind.metrics["cache_share"] > alone.metrics["cache_share"]
    assert behind.metrics["job_mean"] < alone.metrics["job_mean"]
    assert behind.facts["blocks copied back"] > 0
    assert behind.facts["blocks copied to the host"] > 0
    assert behind.facts["host_cache"] == "host (size 60000000000.0, run 20.0)"
    assert "host_cache" not in alone.facts


def test_a_host_of_no_block_is_none_at_all() -> None:
    none, alone = served(host_cache=HostCache(size=0.0)), served(host_cache=None)
    for name, column in alone.items.items():
        assert np.array_equal(none.items[name], column, equal_nan=True), name


@pytest.mark.parametrize("engine", [VllmV0(), Fastswitch(), SemiPd(), VllmV1(enable_prefix_caching=False)])
def test_an_engine_without_a_prefix_cache_of_one_lane_refuses_it(engine: Any) -> None:
    with pytest.raises(
        ValueError, match="host_cache needs an engine with a prefix cache and one lane, such as vllm-v1"
    ):
        served(engine=engine)


@pytest.mark.parametrize(("name", "value"), [("size", -1.0), ("run", 0.5), ("run", float("inf"))])
def test_what_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} of a host cache is at least"):
        HostCache(**{name: value})
