"""A cost that is affine in tokens, the rules of the engines, random traces, and a way to run them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenly.core import Floats, Ints, Trace
from evenly.kernel.serving.simulation import Policies, Run, simulate
from evenly.serve.admissions.always import Always
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.engines import engines
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.retentions.never import Never
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.victims.last import Last


@dataclass(frozen=True, slots=True)
class Affine:
    """10 ms a pass, 50 us a token, 0.1 us a resident token."""

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        tokens = float(decodes)
        for k in range(len(chunk)):
            tokens += chunk[k]
        return tables[0] + tables[1] * tokens + tables[2] * resident, tables[2] * decodes, 1e18


RULES: dict[str, int | float] = {
    "compose": 1,
    "reserve": 0,
    "victims": 0,
    "chunked": 1,
    "block": 16,
    "watermark": 0,
    "budget": 512,
    "seats": 64,
    "batch": 1 << 40,
    "longest": 8192,
    "threshold": 1 << 40,
    "lone": 0,
    "whole": 0,
    "blank": 0,
    "behind": 0,
    "cache": 0,
    "readmit": 0,
    "front": 1,
    "by_rank": 0,
    "usurp": 0,
    "swap_seconds": 0.0,
    "slowdown": 1.0,
    "delay": 0.0,
    "step": 0,
    "hits": 0,
    "flows": 0,
    "retain": 0,
    "learns": 0,
}
TABLES = np.array([0.01, 5e-5, 1e-7])
POLICIES = Policies(RoundRobin(), FirstCome(), Fixed(512), Always(), Last(), Never(), Affine(), TABLES)


def rules_of(name: str, blocks: int) -> dict[str, int | float]:
    """Return the kernel's rules of an engine with its defaults."""
    made = engines[name]().rules(8192)
    return RULES | {
        "compose": ("prefill-first", "queue-order", "decode-first", "split-fuse").index(made.compose),
        "reserve": ("chunk", "prompt", "longest").index(made.reserve),
        "victims": int(made.swap),
        "chunked": int(made.chunked),
        "block": made.block,
        "watermark": int(made.watermark * blocks),
        "budget": made.budget,
        "seats": made.seats,
        "batch": made.batch,
        "threshold": made.threshold,
        "lone": int(made.lone),
        "whole": int(made.whole),
        "blank": int(made.blank),
        "behind": int(made.behind),
        "cache": int(made.cache),
        "readmit": int(made.readmit),
        "front": int(made.front),
    }


def random_trace(seed: int, count: int, rate: float, prompt: int = 600, output: int = 250) -> Trace:
    """Return Poisson arrivals with uniform lengths."""
    chance = np.random.default_rng(seed)
    return Trace(
        arrival=np.cumsum(chance.exponential(1 / rate, count)),
        prompt=chance.integers(1, 2 * prompt, count),
        output=chance.integers(1, 2 * output, count),
    )


def serve(trace: Trace, engine: str = "vllm-v1", blocks: int = 2000, replicas: int = 1, **changes: Any) -> Run:
    """Run the kernel; `changes` are policies, things to record, or rules."""
    policies: dict[str, Any] = {k: changes.pop(k) for k in ("route", "order", "admit", "evict", "cost") if k in changes}
    recorded = {k: changes.pop(k) for k in ("record_tokens", "record_passes") if k in changes}
    host_blocks = changes.pop("host_blocks", 100_000)
    policies["tables"] = np.array(changes.pop("tables", POLICIES.tables))
    counts = {"flows": int(hasattr(type(policies.get("order")), "counts"))}
    rules = rules_of(engine, blocks) | counts | changes
    chosen: dict[str, Any] = {"budget": Fixed(int(rules["budget"]))} | policies
    return simulate(trace, rules, replace(POLICIES, **chosen), replicas, blocks, host_blocks, 7, **recorded)
