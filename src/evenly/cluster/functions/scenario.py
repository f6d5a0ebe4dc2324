"""A scenario of functions: calls, and the policies that decide which pods are there when they come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from evenly.balance.keepalives import KeepAlive
from evenly.balance.keepalives.fixed import Fixed
from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.chains import Chain
from evenly.cluster.functions.delays import Delay
from evenly.cluster.functions.metrics import METRICS
from evenly.cluster.functions.pools import Pool
from evenly.cluster.functions.routes import Route
from evenly.cluster.functions.workloads import Workload
from evenly.cluster.functions.workloads.region import Region
from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent

if TYPE_CHECKING:
    from evenly.kernel.functions.simulation import Run

WINDOW = 60.0  # seconds between two looks at the size of pools
MOST = 1000  # calls on a pod


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
                for use in ("fixed", "predicted", "timer-prewarm")
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
    route: Route | None = None
    "Which region serves a call; by default the one where it comes."
    chain: Chain | None = None
    "When pods are started ahead for what a call will call; by default never."
    concurrency: int = 1
    "Calls that one pod runs at once at most."
    slowdown: float | None = None
    "Share by which each other call on its pod lengthens a call, 1 if they share a core; by default as the trace says."
    worth: float = 60.0
    "Seconds of a pod that runs no call which one cold start is worth, for the one figure that joins both."

    def check(self) -> "FunctionsScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if not 0 <= self.worth < float("inf"):
            raise ValueError(f"worth is at least 0 seconds and finite, not {self.worth}")
        if not 1 <= self.concurrency <= MOST:
            raise ValueError(f"concurrency is 1 to {MOST:,} calls, not {self.concurrency}")
        if self.slowdown is not None and not 0 <= self.slowdown <= MOST:
            raise ValueError(f"slowdown is a share from 0 on, not {self.slowdown}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate and return figures, the calls that waited, pods over time, and the load by function."""
        from evenly.cluster.functions.results import outcome

        self.check()
        calls = self.trace.draw(self.seed)
        return outcome(self, calls, self.simulate(calls, progress))

    def lengthening(self, calls: Calls) -> float:
        """Return the share by which each other call on its pod lengthens a call."""
        return calls.slowdown if self.slowdown is None else self.slowdown

    def simulate(self, calls: Calls, progress: Progress = silent) -> "Run":
        """Serve the calls; return every call and every pod."""
        from evenly.kernel.functions.simulation import Policies, simulate

        if self.route is not None and calls.regions == 1:
            raise ValueError("route is set, but there is one region only; take several: `trace: {use: regions}`")
        if self.chain is not None and len(calls) > 0 == len(calls.parent):
            raise ValueError("chain is set, but no call makes another; take `trace: {use: workflows}`")
        rules = {
            "window": WINDOW,
            "hit": calls.hit,
            "scratch": calls.scratch,
            "span": calls.span,
            "concurrency": self.concurrency,
            "slowdown": self.lengthening(calls),
        }
        policies = Policies(self.keep, self.delay, self.pool, self.route, self.chain)
        return simulate(calls.work(), rules, policies, self.seed, progress)
