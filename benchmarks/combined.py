"""One policy put together of four cures, against each of them alone: agents of several tenants on one device.

`python -m benchmarks.combined` writes benchmarks/results/combined.json and the table of docs/combined.md; half a
minute of CPU time. All variants serve the same traces on the same device, memory and cost model, those of
scenarios/continuum.yaml; only policies differ, and the engine where a cure is one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from evenly.core.document import unstructure
from evenly.hardware.costs.linear import Linear
from evenly.hardware.host_cache import HostCache
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.deficit_round_robin import DeficitRoundRobin
from evenly.serve.orders.fair_programs import FairPrograms
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.kept_first import KeptFirst
from evenly.serve.orders.least_attained_service import LeastAttainedService
from evenly.serve.orders.redrawn import Redrawn
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter
from evenly.serve.retentions.learned_ttl import LearnedTtl
from evenly.serve.retentions.least_waste import LeastWaste
from evenly.serve.scenario import ServeScenario
from evenly.serve.victims.latest_program import LatestProgram
from evenly.traces.sources.agents import Agents
from evenly.traces.tools.bimodal import Bimodal
from evenly.traces.tools.shell import Shell

ROOT = Path(__file__).parent.parent
SEEDS = range(1, 6)
GROUPS = HostCache(run=20.0)  # pages of a group in FastSwitch's prototype
WORKLOADS = {
    "mostly quick tools": Agents(programs=100, rate=3, tools=Bimodal(), users=8),
    "shell tools": Agents(programs=100, rate=3, tools=Shell(), users=8),
}
BY_PROGRAM: dict[str, Any] = {"order": KeptFirst(), "evict": LatestProgram()}
SINGLE: dict[str, dict[str, Any]] = {
    "first come": {"order": FirstCome()},
    "virtual token counter": {"order": VirtualTokenCounter()},
    "deficit round robin": {"order": DeficitRoundRobin()},
    "least attained service": {"order": LeastAttainedService()},
    "FastSwitch": {"engine": Fastswitch(), "order": Redrawn()},
    "Continuum": {**BY_PROGRAM, "retain": LearnedTtl()},
    "InferCept's least waste": {**BY_PROGRAM, "retain": LeastWaste()},
    "cheap copies": {"order": FirstCome(), "host_cache": GROUPS},
}
COMBINED: dict[str, Any] = {"order": FairPrograms(), "evict": LatestProgram(), "host_cache": GROUPS}
PARTS: dict[str, dict[str, Any]] = {
    "without fairness": {**BY_PROGRAM, "host_cache": GROUPS},
    "without program order": {"order": VirtualTokenCounter(), "host_cache": GROUPS},
    "with page-wise copies": {**COMBINED, "host_cache": HostCache()},
    "without a host cache": {**COMBINED, "host_cache": None, "retain": LearnedTtl()},
    "with blocks held as well": {**COMBINED, "retain": LearnedTtl()},
    "quantum 32768": {**COMBINED, "order": FairPrograms(quantum=32_768)},
}
OBJECTIVES = ("ttft_p99", "job_mean", "fair_share")


def serve(trace: Agents, policies: Mapping[str, Any], seed: int) -> list[float]:
    """Return the three objectives of one run."""
    given: dict[str, Any] = {"engine": VllmV1(release="0.10"), **policies}
    scenario = ServeScenario(
        trace=trace,
        device="h100",
        cost=Linear(fixed=0.0237, token=25.8e-6),
        kv_tokens=120_000,
        swap_space=60e9,
        seed=seed,
        **given,
    )
    metrics = scenario.run().metrics
    return [metrics[name] for name in OBJECTIVES]


def measure() -> dict[str, dict[str, list[list[float]]]]:
    """Return the objectives by workload and policy, a row a seed."""
    policies = {**SINGLE, "combined": COMBINED, **PARTS}
    return {
        workload: {name: [serve(trace, chosen, seed) for seed in SEEDS] for name, chosen in policies.items()}
        for workload, trace in WORKLOADS.items()
    }


def beaten(ours: list[list[float]], theirs: list[list[float]]) -> int:
    """Return on how many objectives the means of `ours` are better."""
    (wait, job, fair), (other_wait, other_job, other_fair) = np.mean(ours, axis=0), np.mean(theirs, axis=0)
    return int(wait < other_wait) + int(job < other_job) + int(fair > other_fair)


def table(found: Mapping[str, Mapping[str, list[list[float]]]]) -> str:
    """Return the figures as a Markdown table: means and standard deviations over the seeds."""
    lines = ["| workload | policy | TTFT p99, s | mean job, s | fair share | combined is better on |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for workload, rows in found.items():
        for name, values in rows.items():
            mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
            cells = [f"{mean[0]:.1f} ± {spread[0]:.1f}", f"{mean[1]:.0f} ± {spread[1]:.0f}"]
            cells.append(f"{mean[2]:.3f} ± {spread[2]:.3f}")
            score = f"{beaten(rows['combined'], values)} of 3" if name != "combined" else ""
            shown = f"**{name}**" if name == "combined" else name
            lines.append(f"| {workload} | {shown} | {' | '.join(cells)} | {score} |")
    return "\n".join(lines)


if __name__ == "__main__":
    measured = measure()
    record = {"machine": unstructure(machine()), "seeds": list(SEEDS), "rows": measured}
    (ROOT / "benchmarks/results/combined.json").write_text(json.dumps(record, indent=1) + "\n")
    page = ROOT / "docs/combined.md"
    page.write_text(insert(page.read_text(), {"combined": table(measured)}))
    print(table(measured))
