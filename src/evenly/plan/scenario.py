"""A plan scenario: a trace served by a model that is cut over devices in one way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from evenly.core import FilePath, Metric, Outcome, Scenario, Trace
from evenly.core.scenario import Progress, silent
from evenly.hardware.device import Device, device
from evenly.hardware.memory import ACTIVATION, UTILISATION
from evenly.hardware.model import Model, model
from evenly.measure.slo import Slo
from evenly.plan.cost import Passes, Tables, kv_bytes
from evenly.plan.layout import Layout, fault
from evenly.plan.metrics import METRICS
from evenly.plan.pool import Pool
from evenly.plan.room import room
from evenly.plan.spent import ROWS
from evenly.plan.timings import Timing
from evenly.plan.timings.profile import Profile
from evenly.plan.timings.roofline import Roofline
from evenly.plan.timings.silicon import Silicon
from evenly.serve.engines import Engine, Rules
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import Order
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.routers import Router
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.scenario import servable
from evenly.traces.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanScenario(Scenario):
    """Serve a trace on a model that is cut over devices."""

    kind: ClassVar[str] = "plan"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "replicas": (1, 2, 4, 8),
        "stages": (1, 2, 4, 8),
        "tensor": (1, 2, 4, 8),
    }

    trace: Source
    "Where the requests come from."
    model: FilePath = "llama-3-70b"
    "Name of an embedded model, or the path of a Hugging Face config.json."
    device: str = "h100"
    "Name of an accelerator."
    node: int = 8
    "Devices of one machine."
    replicas: int = 1
    "Copies of the model, each with its own requests."
    stages: int = 1
    "Pipeline stages of a copy."
    tensor: int = 8
    "Devices of a stage."
    attention: int = 1
    "Copies of the attention in a stage."
    network: int = 1
    "Copies of the feed-forward network in a stage."
    experts: Literal["tensor", "expert"] = "tensor"
    "Whether each device has a slice of every expert, or whole experts."
    layers: tuple[int, ...] = ()
    "Layers of each stage; by default as equal as can be."
    prompts: Layout | None = None
    "Further devices that compute the prompts alone, cut like this; those above then only decode."
    beside: tuple[Pool, ...] = ()
    "Devices of other kinds with copies of the model of their own; with shares of the requests, or under one router."
    engine: Engine = field(default_factory=VllmV1)
    "How each microbatch of each rank composes its passes; its seats are divided among the microbatches."
    route: Router = field(default_factory=RoundRobin)
    "Which microbatch of which rank gets a request; in turn it is a copy of the model, then a microbatch, then a rank."
    order: Order = field(default_factory=FirstCome)
    "Who is next in the queue of each microbatch of each rank."
    cost: Passes = field(default_factory=Passes)
    "What a pass takes beside its kernels, and the shares of the peaks that a roofline counts with."
    timing: Timing = field(default_factory=Roofline)
    "Where the seconds of kernels come from: `roofline`, tables of `silicon`, or a `profile`."
    clock: float = 1.0
    "Share of the full clock at which the cores run; memory and links keep theirs."
    price: float = 1.0
    "Price of a device for an hour, in any currency: 1 counts device-hours."
    utilisation: float = UTILISATION
    "Share of the memory that the engine may use."
    activation: float = ACTIVATION
    "Bytes of each device that neither weights nor cache may take."
    max_model_len: int | None = None
    "Longest prompt plus output accepted; by default the model's context length, or as much as fits."
    slo: Slo = field(default_factory=lambda: Slo(ttft=1.0, tpot=0.05))
    "Limits that goodput counts by."

    def check(self) -> "PlanScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if self.node < 1:
            raise ValueError(f"node is at least 1 device, not {self.node}")
        if not 0.1 <= self.clock <= 1:
            raise ValueError(f"clock is a share from 0.1 to 1 of the full clock, not {self.clock}")
        if not 0 < self.price < float("inf"):
            raise ValueError(f"price is a positive price of a device for an hour, not {self.price}")
        if not (0 < self.utilisation <= 1 and 0 <= self.activation < float("inf")):
            raise ValueError(
                "utilisation is a share above 0 and at most 1 and activation at least 0 bytes, not "
                f"{self.utilisation} and {self.activation}"
            )
        if self.max_model_len is not None and self.max_model_len < 2:
            raise ValueError(f"max_model_len is at least 2 tokens, not {self.max_model_len}")
        if why := fault(self.layout, model(self.model), self.node):
            raise ValueError(f"tensor {self.tensor} cannot be laid out: {why}")
        if self.prompts and (why := fault(self.prompts, model(self.model), self.node)):
            raise ValueError(f"prompts {self.prompts.title} cannot be laid out: {why}")
        if self.beside and self.prompts:
            raise ValueError("prompts and beside: prompts are apart on devices of one kind only; leave one out")
        if 0 < len(self.dealt) < len(self.beside):
            raise ValueError("beside: all pools have a share of the requests, or none and the router chooses; set all")
        if sum(self.dealt) >= 1:
            raise ValueError("beside: the shares of the pools sum to less than 1; the rest is for the devices above")
        if self.beside and isinstance(self.timing, Silicon | Profile) and self.timing.path:
            raise ValueError(f"timing: '{self.timing.path}' has one kind of device, and beside others; leave one out")
        for part in self.parts[1:]:
            part.check()
        if self.engine.rules(1 << 17).lanes != "single" or self.engine.rules(1 << 17).switching:
            raise ValueError("engine is one with a single lane and fixed seats, such as vllm-v1, sarathi or orca")
        if getattr(type(self.route), "reads_cache", False):
            raise ValueError("route is one that does not look into caches, such as round-robin or least-requests")
        if hasattr(type(self.order), "counts"):
            raise ValueError("order is one that ranks single requests, such as first-come or shortest-prompt")
        return self

    @property
    def layout(self) -> Layout:
        """Return how the devices divide the model."""
        return Layout(**{name: getattr(self, name) for name in Layout.__slots__})

    @property
    def title(self) -> str:
        """Return how all devices divide the model, as people write it."""
        if self.beside:
            share = 1 - sum(self.dealt) if self.dealt else None
            first = Pool(device=self.device, layout=self.layout, share=share)
            return " + ".join([first.title, *(pool.title for pool in self.beside)])
        return f"prompts {self.prompts.title}, decodes {self.layout.title}" if self.prompts else self.layout.title

    @property
    def devices(self) -> int:
        """Return all devices."""
        others = [self.prompts] if self.prompts else [pool.layout for pool in self.beside]
        return self.layout.devices + sum(layout.devices for layout in others)

    @property
    def dealt(self) -> tuple[float, ...]:
        """Return the shares of the pools; empty if a router chooses among all devices."""
        return tuple(pool.share for pool in self.beside if pool.share is not None)

    @property
    def parts(self) -> "tuple[PlanScenario, ...]":
        """Return a scenario for each pool of devices, those of the scenario itself first."""
        main = replace(self, beside=())
        others = (
            replace(main.with_layout(pool.layout), device=pool.device, node=pool.node, price=pool.price)
            for pool in self.beside
        )
        return (main, *others)

    def with_layout(self, layout: Layout) -> "PlanScenario":
        """Return the scenario with another layout of the devices that decode."""
        return replace(self, **{name: getattr(layout, name) for name in Layout.__slots__})

    def assumed(self) -> dict[str, str | int | float]:
        """Return what the length of a pass is made of, and where it comes from."""
        told = self.cost.facts() | self.timing.facts(self.cost, device(self.device))
        return {f"cost: {name}": value for name, value in told.items()}

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate and return figures, requests, timeline and load."""
        from evenly.plan.groups import serve
        from evenly.plan.results import examined

        return examined(self, serve(self, self.trace.draw(self.seed), progress))[0]

    def crew(self) -> "Crew":
        """Return everything derived from hardware, model, engine and layout, of the devices that decode.

        Raises `ValueError` if the model does not fit.
        """
        self.check()
        architecture, card = model(self.model), device(self.device)
        card = replace(card, flops=card.flops * self.clock, flops8=card.flops8 * self.clock)
        tokens = room(architecture, card, self.layout, self.utilisation, self.activation)
        longest = self.max_model_len or min(architecture.context, tokens)
        rules = self.engine.rules(longest)
        numbers = self.timing.tables(self.cost, architecture, card, self.node, self.layout)
        seats = max(1, rules.seats // self.stages)
        return Crew(architecture, card, replace(rules, seats=seats), longest, tokens, tokens // rules.block, numbers)

    def simulate(
        self,
        crew: "Crew | None" = None,
        trace: Trace | None = None,
        step: bool = False,
        record_tokens: bool = False,
        progress: Progress = silent,
        carried: bool = False,
    ) -> Any:
        """Run the kernel on the devices that decode and return its `Run`.

        `step` forbids to skip ahead over equal windows; with `carried`, requests bring keys and values of their prompts
        but for the last token, and nobody looks into a prefix cache.
        """
        from evenly.kernel.serving.simulation import simulate
        from evenly.plan.kernel import crews, policies

        crew = crew or self.crew()
        blocks = crew.blocks - crew.rules.null_blocks
        if blocks < 1:
            raise ValueError(f"the room for {crew.kv_tokens} tokens holds not one block of {crew.rules.block}")
        sent = servable(trace if trace is not None else self.trace.draw(self.seed))
        if len(sent) == 0:
            raise ValueError("trace: no request with prompt and output; there is nothing to serve")
        kept = crews(crew.rules, crew.blocks, crew.longest, self.layout) | {"step": int(step)}
        if carried:
            kept |= {"carried": 1, "cache": 0}
        asked = policies(self.route, self.order, crew.rules, crew.tables)
        members = self.layout.members
        return simulate(sent, kept, asked, members, blocks, 0, self.seed, record_tokens, ROWS, progress)


@dataclass(frozen=True, slots=True, eq=False)
class Crew:
    """What a scenario derives from hardware, model, engine and layout."""

    model: Model
    device: Device
    "At the clock of the scenario."
    rules: Rules
    "Of each microbatch of each rank."
    longest: int
    "Tokens of prompt and output that are accepted."
    kv_tokens: int
    "Tokens of context of each microbatch of each rank."
    blocks: int
    tables: Tables

    def kv_bytes(self, layout: Layout) -> float:
        """Return the bytes of one token on each device of its rank, in one stage."""
        return kv_bytes(self.model, layout)
