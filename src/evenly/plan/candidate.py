"""A candidate: one plan, what it did with the trace, and where its time went."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from evenly.core import Trace
from evenly.plan.groups import Group, serve
from evenly.plan.layout import Layout
from evenly.plan.origins import origins, shares
from evenly.plan.results import examined
from evenly.plan.scenario import PlanScenario
from evenly.plan.spent import Spent, total
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import Order
from evenly.serve.routers import Router


@dataclass(frozen=True, slots=True)
class Part:
    """Devices of a plan that are cut alike."""

    name: str
    "What they are there for; empty if they are all."
    device: str
    layout: Layout
    node: int
    "Devices of one of their machines."
    kv_tokens: int
    "Tokens of context of one engine; its microbatches divide them."
    spent: Spent
    "Device-seconds by what they were spent on."


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One plan that was scored by serving the trace."""

    scenario: PlanScenario
    "The plan; its name says what is set in another way than for the other plans, beside the clock."
    parts: tuple[Part, ...]
    "Its groups of devices; of prompts and decodes apart, those of the prompts come first."
    seats: int
    "Requests that one engine runs at once; its microbatches divide them."
    budget: int
    "Tokens of a pass of one microbatch."
    longest: int
    "Tokens of prompt and output that are accepted."
    figures: Mapping[str, float]
    "Metrics of a plan scenario by name."
    origins: Mapping[str, float] = field(default_factory=dict)
    "Shares of the time of passes by where their seconds come from, the largest first."

    @property
    def spent(self) -> Spent:
        """Return the device-seconds of all groups by what they were spent on."""
        return total(part.spent for part in self.parts)

    @property
    def decoding(self) -> tuple[Part, ...]:
        """Return the groups that give output tokens after the first."""
        return tuple(part for part in self.parts if part.name != "prompts")

    @property
    def title(self) -> str:
        """Return layout, clock and knobs as people write them."""
        clock = f" at {self.scenario.clock:.0%} clock" if self.scenario.clock < 1 else ""
        return self.scenario.title + clock + (f" ({self.scenario.name})" if self.scenario.name else "")

    @property
    def context(self) -> int:
        """Return the tokens of context of all engines that decode."""
        return sum(part.kv_tokens * part.layout.replicas * part.layout.attention for part in self.decoding)

    def as_json(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold; missing figures are null."""
        kept = ("title", "seats", "budget", "longest")
        return {name: getattr(self, name) for name in kept} | {
            "devices": self.scenario.devices,
            "clock": self.scenario.clock,
            "parts": [asdict(part) for part in self.parts],
            "figures": {name: value if math.isfinite(value) else None for name, value in self.figures.items()},
            "spent": asdict(self.spent),
            "origins": dict(self.origins),
        }


def evaluate(scenario: PlanScenario, trace: Trace) -> Candidate:
    """Return the scenario's candidate, scored by serving `trace`; raise `ValueError` if the model does not fit."""
    served = serve(scenario, trace)
    made, times = examined(scenario, served)
    longest = min(group.crew.longest for group in served.groups)
    return Candidate(
        scenario,
        tuple(_part(group, spent) for group, spent in zip(served.groups, times, strict=True)),
        scenario.engine.rules(longest).seats,
        served.groups[-1].crew.rules.budget,
        longest,
        made.metrics,
        shares(origins(group.run.log, group.crew.tables, group.scenario.layout) for group in served.groups),
    )


def _part(group: Group, spent: Spent) -> Part:
    of = group.scenario
    return Part(group.name, of.device, of.layout, of.node, group.crew.kv_tokens * of.stages, spent)


def tuned(
    scenario: PlanScenario, seats: int, budget: int, route: Router | None = None, order: Order | None = None
) -> PlanScenario:
    """Return the scenario with other limits of a batch and policies, named after what is not its own.

    Its engine is vLLM.
    """
    assert isinstance(scenario.engine, VllmV1)
    engine = replace(scenario.engine, max_num_seqs=seats, max_num_batched_tokens=budget)
    made = replace(scenario, engine=engine, route=route or scenario.route, order=order or scenario.order)
    said = [] if engine == scenario.engine else [f"{seats} requests, {budget} tokens a pass"]
    said += [
        words(getattr(made, slot)) for slot in ("route", "order") if getattr(made, slot) != getattr(scenario, slot)
    ]
    return replace(made, name=", ".join([*([scenario.name] if scenario.name else []), *said]))


def words(policy: Router | Order) -> str:
    """Return the name of a policy as scenarios write it.

    >>> from evenly.serve.routers.least_requests import LeastRequests
    >>> words(LeastRequests())
    'least-requests'
    """
    return type(policy).__module__.rpartition(".")[2].replace("_", "-")
