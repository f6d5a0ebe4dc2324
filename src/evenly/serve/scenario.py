"""A serving scenario: a trace, a fleet of replicas, and the policies that decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from evenly.core import FilePath, Floats, Metric, Outcome, Scenario, Trace
from evenly.core.catalog import plugin_name
from evenly.core.scenario import Progress, silent
from evenly.hardware.costs import Cost
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import Device, device, link
from evenly.hardware.host_cache import HostCache
from evenly.hardware.memory import kv_tokens
from evenly.hardware.model import Model, model
from evenly.measure.slo import Slo
from evenly.serve.admissions import Admission
from evenly.serve.admissions.always import Always
from evenly.serve.budgets import Budget
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.engines import Engine, Rules
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.metrics import METRICS
from evenly.serve.numbers import numbers
from evenly.serve.orders import Order
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.priority import Priority
from evenly.serve.rebuild import cheaper, derived, rebuild_terms
from evenly.serve.retentions import Retention
from evenly.serve.retentions.never import Never
from evenly.serve.routers import Router
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.scaling import Scaling
from evenly.serve.shares import Shares
from evenly.serve.shares.static import Static
from evenly.serve.victims import Victim
from evenly.serve.victims.last import Last
from evenly.serve.victims.least_urgent import LeastUrgent
from evenly.traces.sources import Source

UNKNOWN = 1 << 17  # tokens of the longest request, for questions to an engine that do not hang on them
PASSES = 20_000  # stretches of passes that are kept of engines with two lanes, for a timeline
SWAP_BANDWIDTH = 25e9  # bytes/s between device and host: PCIe 4.0 x16, usable share
COPY_START = 20e-6  # seconds before the first byte of a request's copy moves, an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeScenario(Scenario):
    """Serve a trace on replicas of one engine."""

    kind: ClassVar[str] = "serve"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "engine": ("vllm-v1", "sarathi", "fastgen"),
        "route": ("round-robin", "least-requests", "least-work"),
        "order": ("first-come", "shortest-prompt"),
    }

    trace: Source
    "Where the requests come from."
    model: FilePath = "llama-3.1-8b"
    "Name of an embedded model, or the path of a Hugging Face config.json."
    device: str = "a100-80gb"
    "Name of an accelerator."
    tensor: int = 1
    "Devices that share each layer of a replica."
    replicas: int = 1
    "Copies of the model, each with its own queue; the most of them where they come and go."
    scaling: Scaling | None = None
    "How replicas come and go; by default all are there all the time."
    engine: Engine = field(default_factory=VllmV1)
    "How a replica composes passes and manages blocks."
    route: Router = field(default_factory=RoundRobin)
    "Which replica gets a request."
    order: Order = field(default_factory=FirstCome)
    "Who is next in the queue of a replica."
    budget: Budget | None = None
    "Tokens of a pass, never more than the engine's own budget; by default that."
    admit: Admission = field(default_factory=Always)
    "Whether the head of the queue may start."
    evict: Victim = field(default_factory=Last)
    "Who is preempted when blocks are missing."
    retain: Retention = field(default_factory=Never)
    "How long the blocks of a paused program stay in the prefix cache whatever comes."
    shares: Shares | None = None
    "How prompts and decodes divide a device, where the engine gives each a lane on it; by default the hardware does."
    cost: Cost = field(default_factory=Roofline)
    "How long a pass takes."
    host_overhead: float = 0.0
    "Seconds of host work of each pass, beside those of the cost model: the device idles, or the other lane has it."
    slowdown: float = 1.0
    "Factor on every pass, for what the cost model leaves out: slower kernels or a slower host."
    kv_tokens: int | None = None
    "Tokens that fit into the KV cache of a replica; by default derived from device memory and model."
    max_model_len: int | None = None
    "Longest prompt plus output accepted; by default the model's context length."
    swap_space: float = 4e9
    "Bytes of host memory for each device's swapped-out blocks."
    host_cache: HostCache | None = None
    "Host memory that keeps what running requests no longer need on the device; by default there is none."
    host_bandwidth: float = SWAP_BANDWIDTH
    "Bytes/s between device and host."
    copy_dispatch: float = 10e-6
    """Seconds to start one copy between them, where seats are switched or the host caches: 10 us reproduce the page
    loop of vLLM that was measured on an A100, 2.3 us are measured natively."""
    slo: Slo = field(default_factory=lambda: Slo(ttft=1.0, tpot=0.1))
    "Limits that goodput counts by."

    def check(self) -> "ServeScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if self.replicas < 1 or self.tensor < 1:
            raise ValueError(f"replicas and tensor are at least 1, not {self.replicas} and {self.tensor}")
        if not 0 < self.slowdown < float("inf"):
            raise ValueError(f"slowdown is a positive factor, not {self.slowdown}")
        if not 0 <= self.host_overhead < float("inf"):
            raise ValueError(f"host_overhead is at least 0 seconds, not {self.host_overhead}")
        if self.kv_tokens is not None and self.kv_tokens < 1:
            raise ValueError(f"kv_tokens is at least 1, not {self.kv_tokens}")
        if self.swap_space < 0:
            raise ValueError(f"swap_space is at least 0 bytes, not {self.swap_space}")
        if not (0 < self.host_bandwidth < float("inf") and 0 <= self.copy_dispatch < float("inf")):
            raise ValueError(
                "host_bandwidth is a positive number of bytes/s and copy_dispatch at least 0 seconds, not "
                f"{self.host_bandwidth} and {self.copy_dispatch}"
            )
        if self.max_model_len is not None and self.max_model_len < 2:
            raise ValueError(f"max_model_len is at least 2 tokens, not {self.max_model_len}")
        if self.scaling is not None:
            self._check_scaling(self.scaling)
        if self.idle():
            raise ValueError(
                f"shares divide a device between prompts and decodes, but engine {plugin_name(self.engine)} has no two "
                "lanes on one; leave them out, or take an engine such as semi-pd"
            )
        return self

    def _check_scaling(self, scaling: Scaling) -> None:
        if scaling.least > self.replicas:
            raise ValueError(f"scaling: least is at most replicas, {self.replicas}, not {scaling.least}")
        if getattr(type(scaling.keep), "foresees", False):
            raise ValueError(
                "scaling: keep that knows the future judges pods that serve one after the other, not replicas among "
                "which a router chooses; take fixed, histogram or predicted"
            )
        rules = self.engine.rules(self.max_model_len or UNKNOWN)
        if rules.lanes != "single" or rules.switching:
            raise ValueError("scaling needs an engine with one lane and fixed seats, such as vllm-v1, sarathi or orca")
        if not isinstance(self.retain, Never) or self.host_cache is not None:
            raise ValueError("scaling: a replica that stops keeps no blocks; leave retain and host_cache out")

    def idle(self) -> tuple[str, ...]:
        """Return `shares` if they are set and the engine has no two lanes on one device."""
        lanes = self.engine.rules(self.max_model_len or UNKNOWN).lanes
        return ("shares",) if self.shares is not None and lanes != "shared" else ()

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate and return figures, requests, timeline and load."""
        from evenly.serve.results import outcome

        fleet = self.fleet()
        passes = 0 if fleet.rules.lanes == "single" else PASSES
        return outcome(self, fleet, self.simulate(fleet=fleet, record_passes=passes, progress=progress))

    def fleet(self) -> "Fleet":
        """Return everything derived from hardware, model and engine.

        Raises `ValueError` if the model does not fit.
        """
        self.check()
        architecture = model(self.model)
        accelerator = device(self.device)
        longest = self.max_model_len or architecture.context
        rules = self.engine.rules(longest)
        capacity = self.kv_tokens or kv_tokens(architecture, accelerator, self.tensor)
        tables = self.cost.tables(architecture, accelerator, self.tensor)
        return Fleet(architecture, accelerator, rules, longest, capacity, capacity // rules.block, tables)

    def simulate(
        self,
        fleet: "Fleet | None" = None,
        trace: Trace | None = None,
        record_tokens: bool = False,
        record_passes: int = 0,
        step: bool = False,
        progress: Progress = silent,
    ) -> Any:
        """Run the kernel and return its `Run`: per-request records, time bins, and what was asked to be recorded.

        `record_tokens` keeps the time of every token, `record_passes` the first so many rows of the pass log, and
        `step` forbids to skip ahead over equal passes.
        """
        from evenly.kernel.serving.simulation import Policies, simulate

        fleet = fleet or self.fleet()
        if fleet.blocks - fleet.rules.null_blocks < 1:
            raise ValueError(f"kv_tokens ({fleet.kv_tokens}) hold not one block of {fleet.rules.block} tokens")
        sent = servable(trace if trace is not None else self.trace.draw(self.seed))
        policies = Policies(
            route=self.route,
            order=self.order,
            budget=self.budget or Fixed(fleet.rules.budget),
            admit=self.admit,
            evict=self.evict,
            retain=self.retention(fleet),
            shares=self.divided,
            limits=(self.slo.ttft or np.inf, self.slo.tpot or np.inf),
            cost=self.cost,
            tables=fleet.tables,
            elastic=self._elastic(fleet),
        )
        block_bytes = fleet.rules.block * fleet.model.kv_bytes_on(self.tensor)
        return simulate(
            sent,
            self._rules(fleet, block_bytes) | {"step": int(step)},
            policies,
            self.replicas,
            fleet.blocks - fleet.rules.null_blocks,
            int(self.swap_space / block_bytes),
            self.seed,
            record_tokens,
            record_passes,
            progress,
        )

    def _elastic(self, fleet: "Fleet") -> Any:
        """Return how replicas come and go, as the kernel reads it; `None` if they do not."""
        if self.scaling is None:
            return None
        from evenly.kernel.serving.elastic import Elastic  # compiles its loop

        told = ("keep", "scale", "least", "concurrency", "every", "timer")
        start = self.scaling.start(fleet.model, self.tensor * self.host_bandwidth)
        return Elastic(start=start, **{name: getattr(self.scaling, name) for name in told})

    @property
    def divided(self) -> Shares:
        """Return the shares that hold: 100 and 100, which leaves all to the hardware, where none are set."""
        return self.shares or Static()

    def retention(self, fleet: "Fleet") -> Retention:
        """Return the retention with what it derives from engine and cost model filled in."""
        if not hasattr(type(self.retain), "derives"):
            return self.retain
        chunk = min(fleet.rules.budget, fleet.longest) if fleet.rules.chunked else fleet.longest
        longest = min(fleet.longest, fleet.kv_tokens)
        a, b, c = rebuild_terms(self.cost, fleet.tables, chunk, longest)
        terms = (self.slowdown * a, self.slowdown * b, self.slowdown * c)
        if self.host_cache is not None:
            block_bytes = fleet.rules.block * fleet.model.kv_bytes_on(self.tensor)
            terms = cheaper(terms, self._copy_seconds(fleet, block_bytes) / fleet.rules.block, longest)
        known: dict[str, Any] = {"rebuild": terms, "kv_tokens": fleet.kv_tokens}
        settled: Retention = derived(self.retain, known)
        return settled

    def _rules(self, fleet: "Fleet", block_bytes: float) -> dict[str, int | float]:
        rules = fleet.rules
        first_come = isinstance(self.order, FirstCome)
        return numbers(rules, fleet.blocks, fleet.longest) | {
            "front": int(rules.front and first_come),
            "by_rank": int(not isinstance(self.evict, Last)),
            "usurp": int(rules.usurp and isinstance(self.order, Priority) and isinstance(self.evict, LeastUrgent)),
            **self._host(fleet, block_bytes),
            "slowdown": self.slowdown,
            "hits": int(rules.cache and getattr(type(self.route), "reads_cache", False)),
            "flows": int(hasattr(type(self.order), "counts")),
            "retain": int(rules.cache and not isinstance(self.retain, Never)),
            "learns": int(rules.cache and hasattr(type(self.retain), "learn")),
            "host_seconds": self.host_overhead,
            **self._lanes(fleet),
            **self._switching(fleet, block_bytes),
        }

    def _switching(self, fleet: "Fleet", block_bytes: float) -> dict[str, int | float]:
        switching = fleet.rules.switching
        if switching is None:
            return {}
        return {
            "redraw": switching.every,
            "groups": switching.group,
            "merged": int(switching.merged),
            "background": int(switching.background),
            "adaptive": int(switching.adaptive),
            "reuse": int(switching.reuse),
            "copy_run": 2 * fleet.model.layers * self.copy_dispatch,
            "copy_page": block_bytes / self.host_bandwidth,
            "copy_start": COPY_START,
        }

    def _host(self, fleet: "Fleet", block_bytes: float) -> dict[str, int | float]:
        if self.host_cache is None:
            return {"host_cache": 0, "swap_seconds": block_bytes / self.host_bandwidth}
        if not fleet.rules.cache or fleet.rules.lanes != "single" or fleet.rules.switching:
            raise ValueError("host_cache needs an engine with a prefix cache and one lane, such as vllm-v1")
        blocks = int(self.host_cache.size / block_bytes)
        return {"host_cache": blocks, "swap_seconds": self._copy_seconds(fleet, block_bytes)}

    def _copy_seconds(self, fleet: "Fleet", block_bytes: float) -> float:
        assert self.host_cache is not None
        return self.host_cache.seconds(fleet.model.layers, block_bytes, self.copy_dispatch, self.host_bandwidth)

    def _lanes(self, fleet: "Fleet") -> dict[str, int | float]:
        rules = fleet.rules
        between = link(rules.link or fleet.device.link)
        return {
            "lanes": ("single", "shared", "apart").index(rules.lanes),
            "slope": rules.slope,
            "floor": rules.floor,
            "worker_start": rules.worker_start,
            "window": self.divided.window if rules.lanes == "shared" else 0,
            "link_wait": between.latency,
            "link_seconds": fleet.model.kv_bytes_on(self.tensor) / between.bandwidth,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """What a scenario derives from hardware, model and engine."""

    model: Model
    device: Device
    rules: Rules
    longest: int
    "Tokens of prompt and output that are accepted."
    kv_tokens: int
    "Tokens of the KV cache of one replica."
    blocks: int
    "Blocks of one replica, the engine's own included."
    tables: Floats
    "What the cost model knows of this model on this device."


def servable(trace: Trace) -> Trace:
    """Return the requests that can be sent: those without tokens or marked as failed are dropped.

    A request that waited for a dropped one waits for that one's predecessor instead, or arrives by its own time.

    >>> trace = Trace(arrival=np.array([0.0, 1.0]), prompt=np.array([4, 0]), output=np.array([2, 2]))
    >>> len(servable(trace))
    1
    """
    good = (trace.prompt > 0) & (trace.output > 0)
    if trace.failed is not None:
        good &= ~trace.failed
    if good.all():
        return trace
    if trace.after is not None and not good.all():
        after = trace.after.copy()
        for i in np.flatnonzero(after >= 0):  # earlier requests come first, so theirs is final
            if not good[after[i]]:
                after[i] = after[after[i]]
        trace = Trace(**{**{name: getattr(trace, name) for name in trace.__slots__}, "after": after})
    return trace.take(np.flatnonzero(good))
