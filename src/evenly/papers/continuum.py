"""Continuum: program order and time-to-live of paused programs' caches, against its public replication."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from evenly.core import Trace
from evenly.hardware.costs.linear import Linear
from evenly.hardware.host_cache import HostCache
from evenly.papers.testbed import Given
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.kept_first import KeptFirst
from evenly.serve.orders.least_attained_service import LeastAttainedService
from evenly.serve.orders.program_first_come import ProgramFirstCome
from evenly.serve.results import columns, job_figures
from evenly.serve.retentions.fixed_ttl import FixedTtl
from evenly.serve.retentions.forever import Forever
from evenly.serve.retentions.learned_ttl import LearnedTtl
from evenly.serve.retentions.least_waste import LeastWaste
from evenly.serve.retentions.never import Never
from evenly.serve.retentions.quick_tools import QuickTools
from evenly.serve.scenario import ServeScenario
from evenly.serve.victims.last import Last
from evenly.serve.victims.latest_program import LatestProgram
from evenly.traces.sources.agents import Agents
from evenly.traces.tools.bimodal import Bimodal
from evenly.traces.tools.interceptions import Interceptions
from evenly.traces.tools.shell import Shell
from evenly.traces.tools.steady import Steady

RATES = (1, 3, 6, 10)  # programs a second
PRESSED = (60_000, 120_000, 200_000)  # tokens of KV caches that are too small for the programs
PRESSED_RATES = (1, 2, 3)
WINDOWS = (10, 1000)  # waits in the mean, against the assumed 100
RUN = 20.0  # adjacent blocks a copy, which is enough for the link to be what limits it
TIERS = {  # host memory of the replication, which does not tell how its engine copies
    "16gb": HostCache(16e9, RUN),
    "128gb": HostCache(128e9, RUN),
    "128gb_pages": HostCache(128e9),
}
SAMPLES = (10, 1000)  # pauses before a distribution is trusted, against the published 100


@dataclass(frozen=True, slots=True)
class Testbed:
    """A machine of the replication: its line of step times and its KV cache."""

    name: str
    fixed: float
    "Seconds of a step."
    token: float
    "Seconds of each token in it."
    kv_tokens: int


H100 = Testbed("h100", 0.0237, 25.8e-6, 458_000)
H200 = Testbed("h200", 0.0214, 37.1e-6, 825_000)
A100_40, A100_80 = (Testbed(f"a100_{size}", 0.0662, 97.3e-6, tokens) for size, tokens in ((40, 90_000), (80, 200_000)))

BY_PROGRAM: dict[str, Any] = {"order": KeptFirst(), "evict": LatestProgram()}
POLICIES: dict[str, dict[str, Any]] = {
    "first": {"order": FirstCome(), "evict": Last(), "retain": Never()},
    "never": {**BY_PROGRAM, "retain": Never()},
    "public": {**BY_PROGRAM, "retain": QuickTools()},  # what the public code does, which the replication ran
    "fixed": {**BY_PROGRAM, "retain": FixedTtl(2.0)},
    "always": {**BY_PROGRAM, "retain": Forever()},
    "learned": {**BY_PROGRAM, "retain": LearnedTtl()},
    "share": {**BY_PROGRAM, "retain": LearnedTtl(hold_price="memory-share")},
    "waste": {**BY_PROGRAM, "retain": LeastWaste()},
    "attained": {"order": LeastAttainedService(), "evict": Last(), "retain": Never()},
}


def replicated(seed: int) -> dict[str, float]:
    """Return mean job times of 100 programs with tools of 1 s by machine, rate and policy, and their ratios."""
    figures: dict[str, float] = {}
    for bed in (H100, H200, A100_40, A100_80):
        for rate in RATES:
            times = {name: _job(bed, rate, name, Steady(), seed) for name in ("first", "never", "public", "learned")}
            figures |= {f"{bed.name}_{rate}_{name}": seconds for name, seconds in times.items()}
            for name in ("never", "public", "learned"):
                figures[f"{bed.name}_{rate}_gain_{name}"] = times["first"] / times[name]
    return figures


def bimodal(seed: int) -> dict[str, float]:
    """Return mean job times where nine tool calls in ten take 0.3 s and one takes 60 s, as ratios by memory and rate.

    `learned_*` is the learned time over the better of never and always; `order_*` what the order by program alone
    gains over first come, first served; `kept_*` what the learned time gains beyond that.
    """
    figures: dict[str, float] = {}
    for tokens in PRESSED:
        for rate in PRESSED_RATES:
            bed = replace(H100, kv_tokens=tokens)
            times = {name: _job(bed, rate, name, Bimodal(), seed) for name in ("first", "never", "always", "learned")}
            cell = f"{tokens // 1000}k_{rate}"
            figures |= {f"{name}_seconds_{cell}": seconds for name, seconds in times.items()}
            figures[f"learned_{cell}"] = times["learned"] / min(times["never"], times["always"])
            figures[f"order_{cell}"] = times["first"] / times["never"]
            figures[f"kept_{cell}"] = times["never"] / times["learned"]
    for name, worst in (("learned", max), ("order", min), ("kept", min)):
        figures[f"{name}_worst"] = worst(figures[f"{name}_{t // 1000}k_{r}"] for t in PRESSED for r in PRESSED_RATES)
    return figures


def tiers(seed: int) -> dict[str, float]:
    """Return mean job times of the same programs, first come, first served, where evicted blocks go to host memory."""
    return {
        f"{tier}_{rate}": _serve(H100, rate, {**POLICIES["first"], "host_cache": memory}, Steady(), seed)["job_mean"]
        for tier, memory in TIERS.items()
        for rate in RATES
    }


def order_without(seed: int) -> dict[str, float]:
    """Return the same where turns whose blocks are kept do not go first: kept blocks wait behind older programs."""
    figures = {}
    for tokens in PRESSED:
        bed = replace(H100, kv_tokens=tokens)
        plain: dict[str, Any] = {"order": ProgramFirstCome(), "evict": Last()}
        learned = _serve(bed, 3, {**plain, "retain": LearnedTtl()}, Bimodal(), seed)
        never = _serve(bed, 3, {**plain, "retain": Never()}, Bimodal(), seed)
        figures[f"{tokens // 1000}k"] = learned["job_mean"] / never["job_mean"]
    return figures


def slow_tools(seed: int) -> dict[str, float]:
    """Return mean job time under the fixed 2 s over that under the learned time where every tool takes 3 s."""
    tools = Steady(3.0)
    beds = [replace(H100, kv_tokens=tokens) for tokens in PRESSED]
    return {
        f"{bed.kv_tokens // 1000}k": _job(bed, 3, "fixed", tools, seed) / _job(bed, 3, "learned", tools, seed)
        for bed in beds
    }


def mixes(seed: int) -> dict[str, float]:
    """Return mean job times over the learned one, for two mixes of tools, 120,000 tokens and 3 programs a second."""
    bed = replace(H100, kv_tokens=120_000)
    figures = {}
    for mix, tools in (("shell", Shell()), ("interceptions", Interceptions())):
        learned = _job(bed, 3, "learned", tools, seed)
        for name in ("first", "attained", "never", "public", "fixed", "always", "waste", "share"):
            figures[f"{mix}_{name}"] = _job(bed, 3, name, tools, seed) / learned
    return figures


def hosted(seed: int) -> dict[str, float]:
    """Return mean job time of the least waste with InferCept's swapping over that of the learned time, by mix of tools.

    Both have host memory, and copies of runs of blocks.
    """
    bed, memory = replace(H100, kv_tokens=120_000), HostCache(run=RUN)
    figures = {}
    for mix, tools in (("shell", Shell()), ("interceptions", Interceptions())):
        waste, learned = (
            _serve(bed, 3, {**POLICIES[name], "host_cache": memory}, tools, seed)["job_mean"]
            for name in ("waste", "learned")
        )
        figures[mix] = waste / learned
    return figures


def assumed(seed: int) -> dict[str, float]:
    """Return mean job time with other numbers of waits and pauses over that with the assumed 100 and published 100."""
    bed = replace(H100, kv_tokens=120_000)
    usual = _job(bed, 3, "learned", Bimodal(), seed)
    others = {f"window_{size}": LearnedTtl(window=size) for size in WINDOWS}
    others |= {f"samples_{size}": LearnedTtl(samples=size) for size in SAMPLES}
    return {
        name: _serve(bed, 3, {**BY_PROGRAM, "retain": retain}, Bimodal(), seed)["job_mean"] / usual
        for name, retain in others.items()
    }


@cache
def _trace(rate: float, tools: Any, seed: int) -> Trace:
    return Agents(rate=rate, tools=tools).draw(seed)


@cache
def _run(bed: Testbed, rate: float, name: str, tools: Any, seed: int) -> dict[str, float]:
    return _serve(bed, rate, POLICIES[name], tools, seed)


def _job(bed: Testbed, rate: float, name: str, tools: Any, seed: int) -> float:
    return _run(bed, rate, name, tools, seed)["job_mean"]


def _serve(bed: Testbed, rate: float, slots: dict[str, Any], tools: Any, seed: int) -> dict[str, float]:
    run = scenario_of(bed, slots).simulate(trace=_trace(rate, tools, seed))
    return job_figures(columns(run.requests))


def scenario_of(bed: Testbed, slots: dict[str, Any]) -> ServeScenario:
    """Return vLLM 0.10 on a machine of the replication, with the policies in `slots`."""
    return ServeScenario(
        trace=Given(),
        engine=VllmV1(release="0.10"),
        cost=Linear(bed.fixed, bed.token),
        kv_tokens=bed.kv_tokens,
        **slots,
    )
