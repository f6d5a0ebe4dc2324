"""FastSwitch: cheap switches under priorities that change, against vLLM that swaps page by page."""

import math
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.hosts.arenas.measure import copying, switching
from evenly.papers.testbed import Given
from evenly.serve.engines import Engine
from evenly.serve.engines.fastswitch import Fastswitch
from evenly.serve.engines.vllm_swap import VllmSwap
from evenly.serve.orders.redrawn import Redrawn
from evenly.serve.results import gap_quantiles
from evenly.serve.scenario import ServeScenario
from evenly.traces.sources.multi_turn import MultiTurn

TURNS = 1.0 / (
    1.0 - math.exp(-1.0 / 5.5)
)  # 1 + the whole part of an exponential of mean 5.5 is geometric with this mean
DISPATCH = (2.3, 5.0, 10.0)  # us to start a copy: native, between, and what reproduces vLLM's page loop
EVERY = {"02": 50, "04": 25}  # passes between two draws, by the published frequency
TAILS = ("ttft_p95", "ttft_p99", "ttft_p999", "tbt_p999")
KEEP = 0.7  # chance to keep a priority in the pattern Markov: inferred
PLAIN: dict[str, Any] = {"allocation": "pages", "copies": "page-wise", "lane": "synchronous", "reuse": False}
PARTS: dict[str, dict[str, Any]] = {
    "groups": {"allocation": "groups", "copies": "merged"},
    "asynchronous": {"lane": "asynchronous"},
    "adaptive": {"lane": "adaptive"},
    "reuse": {"reuse": True},
    "merged": {"copies": "merged"},
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run is judged by: seconds, and what was copied."""

    ttft_p95: float
    ttft_p99: float
    ttft_p999: float
    tbt_p999: float
    makespan: float
    stall: float
    pages: float
    run_length: float

    def over(self, other: "Figures") -> dict[str, float]:
        """Return the tails of this run over those of another, and the other's throughput over this one's."""
        ratios = {name: getattr(self, name) / getattr(other, name) for name in TAILS}
        return ratios | {"throughput": self.makespan / other.makespan}


def gains(seed: int) -> dict[str, float]:
    """Return the gains over vLLM, in four tails and in throughput, by frequency and price of a copy."""
    figures: dict[str, float] = {}
    for frequency in EVERY:
        for dispatch in DISPATCH:
            for name, ratio in _gain(frequency, dispatch, seed).items():
                figures[f"{frequency}_{dispatch:g}_{name}"] = ratio
    return figures


def headline(seed: int) -> dict[str, float]:
    """Return the lowest and the highest ratio over both frequencies and the three prices of a copy."""
    cells = [_gain(frequency, dispatch, seed) for frequency in EVERY for dispatch in DISPATCH]
    figures: dict[str, float] = {}
    for group, names in (("ttft", TAILS[:3]), ("tbt", TAILS[3:]), ("throughput", ("throughput",))):
        ratios = [cell[name] for cell in cells for name in names]
        figures |= {f"{group}_least": min(ratios), f"{group}_most": max(ratios)}
    return figures


def growth(seed: int) -> dict[str, float]:
    """Return by what factor the gain, the geometric mean over the four tails, grows with price and with frequency."""
    gain = {(f, c): _mean([_gain(f, c, seed)[name] for name in TAILS]) for f in EVERY for c in DISPATCH}
    figures = {f"{f}_{c:g}_{d:g}": gain[f, d] / gain[f, c] for f in EVERY for c, d in pairwise(DISPATCH)}
    return figures | {f"frequency_{c:g}": gain["04", c] / gain["02", c] for c in DISPATCH}


def ablation(seed: int) -> dict[str, float]:
    """Return what each part does alone, at 10 us a copy, by frequency.

    `*_step_*` is the gain in P99.9 TBT over vLLM, `*_ttft_*` in P95 TTFT, `*_stall_*` seconds for which the device
    waits for copies, `*_largest` the step of groups over the largest other one.
    """
    figures: dict[str, float] = {}
    for f, every in EVERY.items():
        base = _run(Fastswitch(every=every, **PLAIN), seed)
        figures[f"{f}_stall_none"] = base.stall
        for part, change in PARTS.items():
            one = _run(Fastswitch(every=every, **PLAIN | change), seed)
            figures[f"{f}_step_{part}"] = base.tbt_p999 / one.tbt_p999
            figures[f"{f}_ttft_{part}"] = base.ttft_p95 / one.ttft_p95
            figures[f"{f}_stall_{part}"] = one.stall
        figures[f"{f}_largest"] = figures[f"{f}_step_groups"] / max(
            figures[f"{f}_step_{part}"] for part in PARTS if part not in ("groups", "merged")
        )
    return figures


def parts_of_all(seed: int) -> dict[str, float]:
    """Return what FastSwitch loses without one of its parts, at 10 us a copy, by frequency.

    `*_saved` is the share of copied bytes that reuse saves, in percent; `*_runs` the mean run of groups over that of
    single pages; `*_stall` seconds of waiting without the adaptive choice; `*_blocks_*` tails with blocks of 256
    tokens over those with groups.
    """
    figures: dict[str, float] = {}
    for f, every in EVERY.items():
        whole = Fastswitch(every=every)
        ours = _run(whole, seed)
        figures[f"{f}_saved"] = 100.0 * (1.0 - ours.pages / _run(replace(whole, reuse=False), seed).pages)
        figures[f"{f}_runs"] = ours.run_length / _run(replace(whole, allocation="pages"), seed).run_length
        figures[f"{f}_stall"] = _run(replace(whole, lane="asynchronous"), seed).stall
        large = _run(replace(whole, allocation="pages", copies="page-wise", block_size=256), seed)
        figures |= {f"{f}_blocks_{name}": ratio for name, ratio in large.over(ours).items()}
    return figures


def single_turn(seed: int) -> float:
    """Return by how many percent a variant differs at most from vLLM where turns are single and priorities fixed."""
    engines = [Fastswitch(every=1 << 40)]
    engines += [Fastswitch(every=1 << 40, **PLAIN | change) for change in PARTS.values()]
    base = _run(VllmSwap(every=1 << 40), seed, turns=1.0)
    ratios = [ratio for engine in engines for ratio in base.over(_run(engine, seed, turns=1.0)).values()]
    return 100.0 * max(abs(ratio - 1.0) for ratio in ratios)


def other_baselines(seed: int) -> dict[str, float]:
    """Return the gains over baselines that compute again: every victim, or the history of every turn; and Markov's."""
    figures: dict[str, float] = {}
    for f, every in EVERY.items():
        ours, vllm = _run(Fastswitch(every=every), seed), VllmSwap(every=every)
        for name, other in (
            ("recompute", _run(vllm, seed, space=0.0)),
            ("anew", _run(vllm, seed, sessions=False)),
        ):
            figures |= {f"{f}_{name}_{key}": ratio for key, ratio in other.over(ours).items()}
        markov = _run(vllm, seed, keep=KEEP).over(_run(Fastswitch(every=every), seed, keep=KEEP))
        figures |= {f"{f}_markov_{key}": ratio for key, ratio in markov.items()}
    return figures


def arenas(seed: int) -> dict[str, float]:
    """Return how many times less CPU time copies take here in groups than page by page, by KB of a page."""
    return copying(seed)


def contexts(seed: int) -> dict[str, float]:
    """Return what goes wrong where contexts of a decoder really move between two arenas, and how many do."""
    return switching(seed)


def _gain(frequency: str, dispatch: float, seed: int) -> dict[str, float]:
    every = EVERY[frequency]
    return _run(VllmSwap(every), seed, dispatch).over(_run(Fastswitch(every), seed, dispatch))


def _mean(ratios: list[float]) -> float:
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


@cache
def _trace(seed: int, turns: float, sessions: bool) -> Trace:
    trace = MultiTurn(conversations=200, rate=1.0, turns=turns).draw(seed)
    return trace if sessions else replace(trace, session=None)


@cache
def _run(
    engine: Fastswitch | VllmSwap,
    seed: int,
    dispatch: float = DISPATCH[-1],
    keep: float = 0.0,
    turns: float = TURNS,
    sessions: bool = True,
    space: float = 60e9,
) -> Figures:
    scenario = scenario_of(engine, dispatch, keep, seed, space)
    run = scenario.simulate(trace=_trace(seed, turns, sessions))
    rows, tier = run.requests, run.tiers[0]
    waits = np.quantile(rows["first_token"] - rows["arrival"], (0.95, 0.99, 0.999))
    pages = float(tier["pages_out"] + tier["pages_in"])
    return Figures(
        ttft_p95=float(waits[0]),
        ttft_p99=float(waits[1]),
        ttft_p999=float(waits[2]),
        tbt_p999=float(gap_quantiles(run, np.array([0.999]))[0]),
        makespan=float(rows["finish"].max() - rows["arrival"].min()),
        stall=float(tier["stall"]),
        pages=pages,
        run_length=pages / max(1.0, float(tier["runs"])),
    )


def scenario_of(engine: Engine, dispatch: float, keep: float, seed: int, space: float = 60e9) -> ServeScenario:
    """Return Llama 3 8B on an A10 with 42,700 tokens of KV cache and the published 60 GB of host memory."""
    return ServeScenario(
        trace=Given(),
        model="llama-3-8b",
        device="a10",
        engine=engine,
        order=Redrawn(keep),
        kv_tokens=42_700,
        swap_space=space,
        host_bandwidth=24e9,
        copy_dispatch=dispatch * 1e-6,
        seed=seed,
    )
