"""A candidate: one layout with its knobs, what it did with the trace, and where its time went."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from evenly.core import Trace
from evenly.plan.layout import Layout
from evenly.plan.results import examined
from evenly.plan.scenario import PlanScenario
from evenly.plan.spent import Spent
from evenly.serve.engines.vllm_v1 import VllmV1


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One plan that was scored by serving the trace."""

    layout: Layout
    seats: int
    "Requests that one engine runs at once; its microbatches divide them."
    budget: int
    "Tokens of a pass of one microbatch."
    clock: float
    "Share of the full clock."
    kv_tokens: int
    "Tokens of context of one engine; its microbatches divide them."
    longest: int
    "Tokens of prompt and output that are accepted."
    figures: Mapping[str, float]
    "Metrics of a plan scenario by name."
    spent: Spent
    "Device-seconds by what they were spent on."
    knobs: str = ""
    "What is set in another way than for the other plans, beside the clock."

    @property
    def title(self) -> str:
        """Return layout, clock and knobs as people write them."""
        clock = f" at {self.clock:.0%} clock" if self.clock < 1 else ""
        return self.layout.title + clock + (f" ({self.knobs})" if self.knobs else "")

    def as_json(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold; missing figures are null."""
        figures = {name: value if math.isfinite(value) else None for name, value in self.figures.items()}
        return {"title": self.title, "devices": self.layout.devices} | asdict(self) | {"figures": figures}


@dataclass(frozen=True, slots=True)
class Unfit:
    """A layout that cannot serve the trace."""

    layout: Layout
    missing_gb: float
    "GB that each device lacks for its weights and the longest request of the trace."


def evaluate(scenario: PlanScenario, trace: Trace) -> Candidate:
    """Return the scenario's candidate, scored by serving `trace`; raise `ValueError` if the model does not fit."""
    crew = scenario.crew()
    run = scenario.simulate(crew, trace)
    made, where = examined(scenario, crew, run)
    return Candidate(
        scenario.layout,
        scenario.engine.rules(crew.longest).seats,
        crew.rules.budget,
        scenario.clock,
        crew.kv_tokens * scenario.stages,
        crew.longest,
        made.metrics,
        where,
        scenario.name,
    )


def tuned(scenario: PlanScenario, seats: int, budget: int) -> PlanScenario:
    """Return the scenario with other limits of a batch, named after them; its engine is vLLM."""
    assert isinstance(scenario.engine, VllmV1)
    engine = replace(scenario.engine, max_num_seqs=seats, max_num_batched_tokens=budget)
    return replace(scenario, engine=engine, name=f"{seats} requests, {budget} tokens a pass")


def again(base: PlanScenario, candidate: Candidate) -> PlanScenario:
    """Return the scenario whose candidate this is, made from `base` as a search makes it."""
    made = replace(base.with_layout(candidate.layout), clock=candidate.clock)
    return tuned(made, candidate.seats, candidate.budget) if candidate.knobs else made
