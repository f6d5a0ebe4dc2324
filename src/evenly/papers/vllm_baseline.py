"""What is known of the baseline engines: vLLM v0 and v1, Sarathi-Serve, Orca, and of their shared cost model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from evenly.core import Array, Floats, Ints, Prefixes, Trace
from evenly.hardware.costs.layer_table import LayerTable
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import Device, device
from evenly.hardware.model import model
from evenly.papers import closed_loop
from evenly.papers.steady import Steady
from evenly.papers.testbed import a100
from evenly.serve.engines import Engine
from evenly.serve.engines.orca import Orca
from evenly.serve.engines.sarathi import Sarathi
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.engines.vllm_v0_chunked import VllmV0Chunked
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.results import gap_quantiles
from evenly.serve.scenario import ServeScenario

CHUNKED_BUDGET = 512  # token budget of vLLM's chunked prefill in its early releases


def order(seed: int) -> dict[str, float]:
    """Return the ratios of the engines' P95 token gaps: 16 clients, prompts of 2,600, outputs of 128 tokens."""
    sent = closed_loop.trace(16, 2600, 128, seed)
    tail = {}
    for name, engine in _engines().items():
        gaps = closed_loop.run(a100("llama-2-70b", 4, engine), sent).gaps
        tail[name] = float(np.nanquantile(gaps, 0.95))
    return {
        "v0_over_orca": tail["v0"] / tail["orca"],
        "orca_over_chunked": tail["orca"] / tail["chunked"],
        "orca_over_sarathi": tail["orca"] / tail["sarathi"],
    }


def first_token(seed: int) -> dict[str, float]:
    """Return the mean time to first token of chunked prefill over prefill-first at a tenth of the capacity."""
    sent = poisson(_normal_lengths, 0.15, 500, seed)
    mean = {}
    for name in ("v0", "chunked"):
        rows = a100("llama-2-70b", 4, _engines()[name]).simulate(trace=sent).requests
        mean[name] = float(np.mean(rows["first_token"] - rows["arrival"]))
    return {"ratio": mean["chunked"] / mean["v0"]}


def _engines() -> dict[str, Engine]:
    return {
        "v0": VllmV0(),
        "orca": Orca(),
        "chunked": VllmV0Chunked(max_num_batched_tokens=CHUNKED_BUDGET),
        "sarathi": Sarathi(),
    }


# ---- Sarathi-Serve: capacity under a limit on the gap between tokens ----------------------------------------------

SEATS = (32, 64, 128)  # batch sizes of vLLM that the paper tries
LIMITS = {"strict": 5.0, "relaxed": 25.0}  # limit of the P99 gap over an undisturbed decode pass
CHUNK = {"strict": 512, "relaxed": 2048}  # Sarathi's tokens a pass under each limit
UNDISTURBED = (32, 4096)  # requests and context of the decode pass that the limits are counted in
DELAY = 2.0  # seconds that the median request may wait for its first pass
SENT = 400  # requests of a run
# Median and 90th percentile of prompts and outputs in the paper's two workloads; longest sequence accepted.
WORKLOADS = {
    "chat": (((1730, 5696), (415, 834)), 8192),
    "summaries": (((7059, 12985), (208, 371)), 16384),
}
P90 = 1.2815515655446004  # standard normal quantile


def capacity(seed: int) -> dict[str, float]:
    """Return Sarathi-Serve's capacity over vLLM v0's: the highest Poisson rate that keeps the limits."""
    figures: dict[str, float] = {}
    for workload, (quantiles, longest) in WORKLOADS.items():
        drawn = partial(_lognormal, quantiles=quantiles, longest=longest)
        for name, limit in LIMITS.items():
            gap = limit * undisturbed()
            engines: list[Engine] = [VllmV0(max_num_seqs=seats) for seats in SEATS]
            engines.append(Sarathi(chunk_size=CHUNK[name]))
            served = (a100("llama-3.1-8b", 1, engine, max_model_len=longest) for engine in engines)
            *theirs, ours = (_highest_rate(scenario, drawn, gap, seed) for scenario in served)
            figures[f"{workload}_{name}"] = ours / max(theirs)
    return figures | {"greatest": max(figures.values())}


def undisturbed() -> float:
    """Return the seconds of a decode pass of 32 requests with 4,096 tokens of context each: Llama 3.1 8B, one A100."""
    count, context = UNDISTURBED
    none = np.zeros(0, np.int64)
    cost = LayerTable()
    tables = cost.tables(model("llama-3.1-8b"), device("a100-80gb"), 1)
    return float(cost.seconds(none, none, count, float(count * context), context, tables)[0])


def _highest_rate(served: ServeScenario, lengths: "Lengths", gap: float, seed: int) -> float:
    """Return the highest rate, within 3%, whose P99 gap and median delay keep the limits."""

    def keeps(rate: float) -> bool:
        run = served.simulate(trace=poisson(lengths, rate, SENT, seed))
        waited = float(np.median(run.requests["start"] - run.requests["arrival"]))
        return waited <= DELAY and float(gap_quantiles(run, np.array([0.99]))[0]) <= gap

    low, high = 0.05, 0.1
    while keeps(high) and high < 1e3:
        low, high = high, 2 * high
    while high / low > 1.03:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low


# ---- Sarathi: what chunking costs, what riding along saves ---------------------------------------------------------

PROMPT = 1024  # tokens of the prompts of the Sarathi paper's micro-benchmarks


def chunking() -> dict[str, float]:
    """Return the share of prefill throughput that chunks cost: Llama 2 7B on an A100, prompts of 1,024 tokens."""
    whole = _prefill(PROMPT)
    return {f"loss_{chunk}": 1.0 - whole / _prefill(chunk) for chunk in (256, 512)}


def _prefill(chunk: int) -> float:
    cost = LayerTable(host=0.0)  # the paper times the GPU's work
    tables = cost.tables(model("llama-2-7b"), device("a100-80gb"), 1)
    return sum(
        float(cost.seconds(np.array([chunk]), np.array([start]), 0, 0.0, 0, tables)[0])
        for start in range(0, PROMPT, chunk)
    )


def a6000() -> Device:
    """Return an RTX A6000, from NVIDIA's data sheet; power is not asked for."""
    return replace(device("a100-80gb"), name="rtx-a6000", memory=48e9, bandwidth=768e9, flops=154.8e12)


def riding() -> dict[str, float]:
    """Return milliseconds a decode token, four decodes alone and three that ride along with a prompt.

    LLaMA 13B has the layers of Llama 2 13B.
    """
    prompt, none = np.array([PROMPT - 3]), np.zeros(0, np.int64)
    alone = _pass(none, 4) / 4
    along = (_pass(prompt, 3) - _pass(prompt, 0)) / 3
    return {"alone": alone * 1e3, "along": along * 1e3, "ratio": alone / along}


def _pass(prompts: Ints, decodes: int) -> float:
    cost = Roofline(overhead=0.0)  # the paper times the GPU's work
    tables = cost.tables(model("llama-2-13b"), a6000(), 1)
    resident = float(decodes * PROMPT)
    return float(cost.seconds(prompts, np.zeros_like(prompts), decodes, resident, PROMPT, tables)[0])


# ---- vLLM v1 under memory pressure ---------------------------------------------------------------------------------

POOLS = (0.05, 0.1, 0.2)  # shares of the KV cache that are left to the engine
OUTPUTS = (128, 256, 512)  # mean output tokens


@dataclass(frozen=True, slots=True)
class LeastComputed:
    """Preempt the request with the fewest computed tokens."""

    @staticmethod
    def score(now: float, request: int, tokens: int, blocks: int, requests: Array, memory: Floats) -> float:
        """Return a higher score for fewer tokens."""
        return -float(tokens)


def recompute(seed: int) -> dict[str, float]:
    """Return the share of computed tokens that vLLM v1 computes again under pressure, and what another victim saves.

    800 prompts around 512 tokens at 16 requests a second. The published report leaves the output lengths open, so
    three are tried; the victims are compared at the middle one.
    """
    served = a100("llama-3.1-8b", 1, VllmV1(release="0.10"))
    whole = served.fleet().kv_tokens
    figures: dict[str, list[float]] = {}
    for output in OUTPUTS:
        sent = poisson(partial(_uniform, prompt=512, output=output, spread=0.5), 16.0, 800, seed)
        for share in POOLS:
            tight = replace(served, kv_tokens=int(whole * share))
            again, times, computed = _again(tight, sent)
            figures.setdefault(f"tax_{output}", []).append(again / computed)
            if output == OUTPUTS[1]:
                again_least, times_least, _ = _again(replace(tight, evict=LeastComputed()), sent)
                figures.setdefault("wasted", []).append(1.0 - again_least / again)
                figures.setdefault("each", []).append(1.0 - again_least / times_least * times / again)
    return {name: float(np.mean(values)) for name, values in figures.items()}


def _again(served: ServeScenario, sent: Trace) -> tuple[float, float, float]:
    """Return tokens computed again, preemptions, and tokens computed in all."""
    run = served.simulate(trace=sent)
    pools = run.pools
    return float(pools["recomputed"].sum()), float(run.requests["preemptions"].sum()), float(pools["computed"].sum())


def preemptions(seed: int) -> float:
    """Return the preemptions of 450 requests of about 1,000 + 5,000 tokens, 128 at a time, in 299,584 tokens of KV."""
    chance = np.random.default_rng([seed, 450])
    prompt, output = _uniform(chance, 450, 1000, 5000, 0.2)
    sent = Trace(
        arrival=np.zeros(450),
        prompt=prompt,
        output=output,
        after=np.maximum(np.arange(450) - 128, -1),
        pause=np.zeros(450),
    )
    # 8192 tokens are the default on large devices.
    engine = VllmV1(release="0.10", enable_prefix_caching=False, max_num_batched_tokens=8192)
    run = a100("llama-3.1-8b", 1, engine, kv_tokens=299_584, max_model_len=8192).simulate(trace=sent)
    return float(run.requests["preemptions"].sum())


# ---- Oracles -------------------------------------------------------------------------------------------------------

SERVICE = 1000  # mean output tokens of a request: geometric, so close to exponential
LOAD = 0.7


def queues(seed: int) -> dict[str, float]:
    """Return the mean wait over that of M/M/k: one and four seats, passes of one length, geometric outputs."""
    figures = {}
    for seats in (1, 4):
        chance = np.random.default_rng([seed, seats])
        count = 400_000
        mean = SERVICE * Steady().pass_seconds
        sent = Trace(
            arrival=np.cumsum(chance.exponential(mean / (LOAD * seats), count)),
            prompt=np.ones(count, np.int64),
            output=chance.geometric(1.0 / SERVICE, count),
        )
        served = a100("llama-3.1-8b", 1, Orca(max_num_seqs=seats), cost=Steady(), max_model_len=32768)
        rows = served.simulate(trace=sent).requests
        figures[f"k{seats}"] = float(np.mean(rows["start"] - rows["arrival"])) / (_erlang(seats, LOAD) * mean)
    return figures


def _erlang(seats: int, load: float) -> float:
    """Return the mean wait in M/M/k in units of the mean service time."""
    offered = load * seats
    term, total = 1.0, 0.0
    for k in range(seats):
        total += term
        term *= offered / (k + 1)
    waits = term / (1 - load) / (total + term / (1 - load))
    return waits / (seats * (1 - load))


def exact() -> dict[str, float]:
    """Return what can be said without a simulation: a makespan in closed form, and the hit of an exact repeat."""
    batch, prompt, output = 64, 100, 500
    sent = Trace(np.zeros(batch), np.full(batch, prompt), np.full(batch, output))
    served = a100("llama-3.1-8b", 1, Orca(), max_model_len=1024)
    rows = served.simulate(trace=sent).requests
    cost = served.cost
    tables = cost.tables(model(served.model), device(served.device), 1)
    none = np.zeros(0, np.int64)
    together = cost.seconds(np.full(batch, prompt), np.zeros(batch, np.int64), 0, 0.0, 0, tables)[0]
    for k in range(1, output):
        context = prompt + k - 1  # tokens in the cache when the pass begins
        together += cost.seconds(none, none, batch, float(batch * context), context, tables)[0]
    blocks = Prefixes(np.array([0, 2, 4]), np.array([1, 2, 1, 2]), 16)
    twice = Trace(np.array([0.0, 60.0]), np.array([32, 32]), np.array([4, 4]), prefixes=blocks)
    hits = a100("llama-3.1-8b", 1, VllmV1(release="0.10")).simulate(trace=twice).requests["cached"]
    return {"makespan": float(rows["finish"].max()) / together, "hit": float(hits[1])}


# ---- Workloads -----------------------------------------------------------------------------------------------------

Lengths = Callable[[np.random.Generator, int], tuple[Ints, Ints]]


def poisson(lengths: Lengths, rate: float, count: int, seed: int) -> Trace:
    """Return Poisson arrivals; the same seed gives the same lengths at every rate."""
    chance = np.random.default_rng([seed, count])
    gaps = chance.exponential(1.0, count)
    prompt, output = lengths(chance, count)
    return Trace(np.cumsum(gaps) / rate, prompt, output)


def _normal_lengths(chance: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    prompt, output = (np.rint(chance.normal(mean, 0.3 * mean, count)).astype(np.int64) for mean in (2600, 128))
    return np.clip(prompt, 1, 3800), np.clip(output, 1, 296)


def _uniform(chance: np.random.Generator, count: int, prompt: int, output: int, spread: float) -> tuple[Ints, Ints]:
    low, high = 1.0 - spread, 1.0 + spread
    first, second = (chance.integers(int(mean * low), int(mean * high) + 1, count) for mean in (prompt, output))
    return first, second


def _lognormal(
    chance: np.random.Generator, count: int, quantiles: tuple[tuple[int, int], tuple[int, int]], longest: int
) -> tuple[Ints, Ints]:
    drawn = []
    for median, ninth in quantiles:
        sigma = np.log(ninth / median) / P90
        drawn.append(np.rint(median * np.exp(sigma * chance.standard_normal(count))).astype(np.int64))
    output = np.clip(drawn[1], 1, longest // 2)
    return np.clip(drawn[0], 1, longest - output), output
