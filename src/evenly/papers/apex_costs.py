"""Plans timed by measured kernels, held against the measured servers of APEX beside the roofline."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean

from evenly.hardware.profiles.aiconfigurator import Scales
from evenly.papers.apex_cells import (
    LARGE,
    MIXTRAL,
    PLANS,
    ROOFLINE,
    Cell,
    cells,
    drawn,
    errors,
    of_mixtral,
    recorded,
    simulated,
    summaries,
)
from evenly.papers.data import public_folder
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate, evaluate
from evenly.plan.cost import Passes
from evenly.plan.origins import HOST
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import at_rate, scores, search
from evenly.plan.timings import Timing
from evenly.plan.timings.profile import Profile
from evenly.plan.timings.silicon import Silicon

AIC = "https://github.com/ai-dynamo/aiconfigurator (Apache-2.0), tables of aiconfigurator-core 0.12.0"
SIM = "https://github.com/casys-kaist/LLMServingSim (MIT), profiler/v0"
VIDUR = "https://github.com/microsoft/vidur (MIT), data/profiling"
SERVED = "llama-3.1-70b"


def silicon(seed: int) -> dict[str, float]:
    """Return errors over the 18 cells of Llama, in %, with measured kernels, and what share of the time these are."""
    given = [cell for cell in cells() if cell.plan in PLANS] + summaries()
    timing = _silicon()
    figures = errors(given, Passes(), seed, timing)
    chat = recorded("lmsys", 0.5)
    plan = search(PlanScenario(trace=Given(), model=SERVED, engine=LARGE, timing=timing), 8, chat, "tpot_mean")
    eight = next(one for one in plan.candidates if one.scenario.layout == PLANS["8TP"])
    others = [one.figures["tpot_mean"] for one in plan.candidates if one is not eight]
    return figures | {
        "measured": 100 * fmean(_measured(simulated(cell, Passes(), seed, timing)) for cell in given[:6]),
        "other_over_8TP": min(others) / eight.figures["tpot_mean"],
    }


def whole_layers() -> dict[str, float]:
    """Return errors over the six cells of servers on four devices, in %, by who measured the layers."""
    given = [cell for cell in [*cells(), *summaries()] if cell.plan == "2DP4TP"]
    timings: dict[str, Timing] = {
        "roofline": ROOFLINE,
        "silicon": _silicon(),
        "llmservingsim": _layers(),
        "vidur": _vidur(),
    }
    return {f"{name}_{key}": value for name, one in timings.items() for key, value in _both(given, one).items()}


def mixture(seed: int) -> dict[str, float]:
    """Return mean and worst error of time a token of a model with experts, in %, by source, and what else is asked.

    `ordered` is the share of pairs of layouts of one workload that are in the measured order.
    """
    found: dict[str, float] = {}
    for name, timing in (("roofline", ROOFLINE), ("silicon", _silicon()), ("block", _silicon("block"))):
        ours = {key: _mixtral(*key, seed, timing) for key in MIXTRAL}
        times = {key: one.figures["tpot_mean"] for key, one in ours.items()}
        off = [100 * abs(times[key] / tpot - 1) for key, (_, tpot) in MIXTRAL.items()]
        figures = {"tpot": fmean(off), "tpot_worst": max(off), "ordered": _ordered(times)}
        figures |= {"measured": 100 * fmean(_measured(one) for one in ours.values())}
        found |= {f"{name}_{key}": value for key, value in figures.items()}
        for workload in ("creation", "lmsys", "summarization"):
            found[f"{name}_whole_{workload}"] = _whole(workload, seed, timing)
    return found | {
        f"{name}_over_roofline": found[f"{name}_tpot"] / found["roofline_tpot"] for name in ("silicon", "block")
    }


def silicon_seconds(devices: int) -> float:
    """Return CPU seconds of a search over all layouts of Llama with measured kernels."""
    base = PlanScenario(trace=Given(), model=SERVED, engine=LARGE, timing=_silicon())
    trace = at_rate(drawn("creation", 512, 0.5, 0), devices / 8)
    start = time.process_time()
    search(base, devices, trace, "latency")
    return time.process_time() - start


def _silicon(scales: Scales = "tensor") -> Silicon:
    return Silicon(str(public_folder("kernel_tables_aic/h100_sxm", AIC)), scales)


def _layers() -> Profile:
    return Profile(str(public_folder("llmservingsim_profiles/H100/meta-llama/Llama-3.1-70B", SIM)))


def _vidur() -> Profile:
    """Return Vidur's layers, with the attention that LLMServingSim measured: Vidur's is of another card."""
    layers = public_folder("vidur_profiles/compute/h100/meta-llama/Llama-2-70b-hf", VIDUR)
    reduced = public_folder("vidur_profiles/network/h100_dgx", VIDUR) / "all_reduce.csv.gz"
    return Profile(str(layers), attention=str(_attention()), network=str(reduced))


def _attention() -> Path:
    return public_folder("llmservingsim_profiles/H100/meta-llama/Llama-3.1-70B/tp4", SIM) / "attention.csv.gz"


def _both(given: Iterable[Cell], timing: Timing) -> Mapping[str, float]:
    found = errors(given, Passes(), 0, timing)
    return {key: found[key] for key in ("tpot", "tpot_worst", "ttft")}


def _mixtral(plan: str, workload: str, seed: int, timing: Timing) -> Candidate:
    copies, width = PLANS[plan].replicas, PLANS[plan].tensor
    base = PlanScenario(trace=Given(), model="mixtral-8x22b-fp8", tensor=width, engine=LARGE, timing=timing)
    return evaluate(base, of_mixtral(workload, copies, seed))


def _ordered(times: Mapping[tuple[str, str], float]) -> float:
    pairs = [(a, b) for a, b in combinations(MIXTRAL, 2) if a[1] == b[1]]
    return sum((times[a] < times[b]) == (MIXTRAL[a][1] < MIXTRAL[b][1]) for a, b in pairs) / len(pairs)


def _whole(workload: str, seed: int, timing: Timing) -> float:
    """Return the end-to-end time of whole experts over sliced ones, routed by a power law."""
    base = PlanScenario(
        trace=Given(), model="mixtral-8x22b-fp8", engine=LARGE, cost=Passes(routing="power-law"), timing=timing
    )
    sliced, whole = scores([base, replace(base, experts="expert")], drawn(workload, 512, 0.5, seed))
    return whole.figures["e2e_mean"] / sliced.figures["e2e_mean"]


def _measured(one: Candidate) -> float:
    """Return the share of the time of passes, host time left out, that stands in AIConfigurator's tables."""
    held = sum(share for source, share in one.origins.items() if source.startswith("AIConfigurator"))
    return held / (1.0 - one.origins.get(HOST, 0.0))
