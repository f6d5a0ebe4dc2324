"""An experts scenario: tokens that choose among the experts of a layer, and the prices that even out the loads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.train.experts.affinities import Affinity, Shape
from evenly.train.experts.affinities.gaussian import Gaussian
from evenly.train.experts.assignments import Assignment
from evenly.train.experts.assignments.top_k import TopK
from evenly.train.experts.balancers import Balancer
from evenly.train.experts.balancers.sign import Sign
from evenly.train.experts.costs import Costs
from evenly.train.experts.metrics import METRICS

MOST_SCORES = 20_000_000  # of one batch: 160 MB
MOST_ROWS = 20_000_000  # cells of the load


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertsScenario(Scenario):
    """Route batch after batch through layers of experts, and move the prices of the experts after each."""

    kind: ClassVar[str] = "experts"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "balancer": ("sign", "proportional", "annealed"),
        "level": ("expert", "device"),
        "assignment": ("top-k", "capacity"),
    }

    affinity: Affinity = field(default_factory=Gaussian)
    "How well tokens and experts suit each other."
    assignment: Assignment = field(default_factory=TopK)
    "Who computes which token, given scores and prices."
    balancer: Balancer = field(default_factory=Sign)
    "How prices follow the loads."
    experts: int = 64
    "Experts of a layer."
    active: int = 6
    "Experts that a token visits in a layer."
    tokens: int = 4096
    "Tokens of a step, over all data-parallel ranks."
    layers: int = 1
    "Layers with experts, each with prices of its own."
    steps: int = 1000
    "Optimizer steps, each followed by one update of the prices."
    window: int = 50
    "Last steps, which the figures are taken over."
    devices: int = 8
    "That the experts of a layer are spread over, in equal runs of neighbours."
    level: Literal["expert", "device"] = "expert"
    "Whether prices even out experts, or devices alone, whose experts then move alike."
    centred: bool = True
    "Whether prices are shifted to mean 0 after each update, which changes no choice."
    costs: Costs = field(default_factory=Costs)
    "Seconds of a token in an expert and in all else."

    @property
    def shape(self) -> Shape:
        """Return the sizes of a batch."""
        return Shape(self.layers, self.tokens, self.experts, self.active)

    def check(self) -> "ExpertsScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if not 2 <= self.experts <= 4096:
            raise ValueError(f"experts is 2 to 4096 a layer, not {self.experts}")
        if not 1 <= self.active < self.experts:
            raise ValueError(f"active is 1 to {self.experts - 1}, below the number of experts, not {self.active}")
        if self.tokens < 1 or self.tokens * self.experts > MOST_SCORES:
            most = MOST_SCORES // self.experts
            raise ValueError(f"tokens is 1 to {most:,} with {self.experts} experts, not {self.tokens}")
        if self.layers < 1 or self.steps < 1:
            raise ValueError(f"layers and steps are at least 1, not {self.layers} and {self.steps}")
        if not 1 <= self.window <= self.steps:
            raise ValueError(f"window is 1 to {self.steps}, the steps, not {self.window}")
        if self.devices < 1 or self.experts % self.devices:
            raise ValueError(f"devices divides the {self.experts} experts of a layer evenly, not {self.devices}")
        if self.steps * self.layers * max(self.devices, 8) > MOST_ROWS:
            raise ValueError(f"steps times layers is at most {MOST_ROWS // max(self.devices, 8):,}")
        self.costs.check()
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Route all batches; return violation, dead experts, dropped tokens, score, regret and time of a step."""
        from evenly.train.experts.results import outcome
        from evenly.train.experts.simulate import simulate

        self.check()
        return outcome(self, simulate(self, progress))
