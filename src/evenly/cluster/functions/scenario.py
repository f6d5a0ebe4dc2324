"""A scenario of functions: calls, and the policies that decide which pods are there when they come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.delays import Delay
from evenly.cluster.functions.keepalives import KeepAlive
from evenly.cluster.functions.keepalives.fixed import Fixed
from evenly.cluster.functions.metrics import METRICS
from evenly.cluster.functions.pools import Pool
from evenly.cluster.functions.workloads import Workload
from evenly.cluster.functions.workloads.region import Region
from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent

if TYPE_CHECKING:
    from evenly.kernel.functions.simulation import Run

WINDOW = 60.0  # seconds between two looks at the size of pools


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsScenario(Scenario):
    """Serve calls of functions with pods that start cold, stay warm for a while, and cost as long as they live."""

    kind: ClassVar[str] = "functions"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "keep": (
            {"use": "release"},
            *(
                {"use": use, "seconds": seconds}
                for use in ("fixed", "timer-prewarm")
                for seconds in (30.0, 60.0, 300.0)
            ),
            *(
                {"use": "histogram", "most": most, "early": early}
                for most in (600.0, 3600.0)
                for early in (False, True)
            ),
        ),
    }

    trace: Workload = field(default_factory=Region)
    "Which functions are called when."
    keep: KeepAlive = field(default_factory=Fixed)
    "How long a free pod is kept, and whether pods are started ahead."
    delay: Delay | None = None
    "How long calls may wait for a pod that is there; by default a new one is started at once."
    pool: Pool | None = None
    "How many idle pods of each size stand ready; by default allocations take as long as they were measured."
    worth: float = 60.0
    "Seconds of a pod that runs no call which one cold start is worth, for the one figure that joins both."

    def check(self) -> "FunctionsScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if not 0 <= self.worth < float("inf"):
            raise ValueError(f"worth is at least 0 seconds and finite, not {self.worth}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate and return figures, the calls that waited, pods over time, and the load by function."""
        from evenly.cluster.functions.results import outcome

        self.check()
        calls = self.trace.draw(self.seed)
        return outcome(self, calls, self.simulate(calls, progress))

    def simulate(self, calls: Calls, progress: Progress = silent) -> "Run":
        """Serve the calls; return every call and every pod."""
        from evenly.kernel.functions.simulation import Policies, simulate

        rules = {"window": WINDOW, "hit": calls.hit, "scratch": calls.scratch, "span": calls.span}
        policies = Policies(self.keep, self.delay, self.pool)
        sizes = len(calls.functions.sizes)
        return simulate(calls.functions.records(), calls.records(), rules, policies, sizes, self.seed, progress)
