"""Scenarios and traces that the tests of plans share."""

from dataclasses import replace
from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.papers.testbed import Given
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.serve.engines.vllm_v1 import VllmV1


def scenario(layout: Layout | None = None, **changes: Any) -> PlanScenario:
    """Return Llama 3 70B on eight H100, cut as `layout` says."""
    given: dict[str, Any] = {"trace": Given(), "engine": VllmV1()} | changes
    base = PlanScenario(**given)
    return base.with_layout(layout) if layout else base


def requests(count: int = 60, rate: float = 4.0, seed: int = 0) -> Trace:
    """Return Poisson arrivals with uniform lengths."""
    chance = np.random.default_rng(seed)
    return Trace(
        arrival=np.cumsum(chance.exponential(1 / rate, count)),
        prompt=chance.integers(1, 1200, count),
        output=chance.integers(1, 300, count),
    )


def faster(base: PlanScenario, **figures: Any) -> PlanScenario:
    """Return the scenario with other figures of its passes."""
    return replace(base, cost=replace(base.cost, **figures))
