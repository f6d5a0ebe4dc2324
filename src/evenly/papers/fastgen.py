"""DeepSpeed-FastGen against vLLM v0 under closed-loop clients."""

from functools import cache
from typing import Any

import numpy as np

from evenly.core import Floats, Trace
from evenly.hardware.costs import Cost
from evenly.hardware.costs.layer_table import LayerTable
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.hosts.decoder import Decoder, Shape
from evenly.papers.closed_loop import REQUESTS, Measured, run, slowed, trace
from evenly.papers.testbed import a100
from evenly.serve.engines import Engine
from evenly.serve.engines.fastgen import Fastgen
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.scenario import ServeScenario

CLIENTS = (1, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32)
TOKENS = (64, 128, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)  # of the published curve of pass times
CROWDS = (4, 8, 16, 32, 64)  # clients of the counter-study
REPLICAS = 16
SLOWER_HOST = (1.0, 1.2, 1.3)  # length of vLLM's passes over FastGen's; 1 compares the schedules alone
AS_MEASURED = 1.2  # the factor at which one client of vLLM gets the published 0.27 requests a second
TALKERS, LONG_PROMPTS, TALK = 8, 8, 48  # requests on the decoder that really computes, and tokens of a talker
DECODER = Shape(layers=3, width=192, heads=4, vocabulary=1000)
FITTED = {"vllm": AS_MEASURED, "fastgen": 1.05}  # factors that bring both to the published P95 gaps at 16 clients


def fastgen() -> ServeScenario:
    """Return Llama 2 70B on four A100 under FastGen with its published constants."""
    return a100("llama-2-70b", 4, Fastgen())


def vllm() -> ServeScenario:
    """Return the same under vLLM v0: 4,096 batched tokens, 256 sequences, recompute."""
    return a100("llama-2-70b", 4, VllmV0())


def tails(seed: int) -> dict[str, float]:
    """Return quantiles of the token gap with 16 clients, prompts of 2,600 and outputs of 128 tokens, in seconds."""
    sent = trace(16, 2600, 128, seed)
    engines = {"vllm": vllm(), "fastgen": fastgen()}
    figures: dict[str, float] = {}
    for name, engine in engines.items():
        for fit, factor in (("", 1.0), ("_fitted", FITTED[name])):
            measured = run(slowed(engine, factor), sent)
            gaps = measured.gaps[~np.isnan(measured.gaps)]
            for share in (50, 90, 95):
                figures[f"{name}_p{share}{fit}"] = float(np.quantile(gaps, share / 100))
            figures[f"{name}_throughput{fit}"] = measured.throughput()
    return figures | {
        "p95_ratio": figures["vllm_p95"] / figures["fastgen_p95"],
        "p95_ratio_fitted": figures["vllm_p95_fitted"] / figures["fastgen_p95_fitted"],
        "throughput_ratio": figures["fastgen_throughput"] / figures["vllm_throughput"],
    }


def effective(seed: int) -> dict[str, float]:
    """Return effective throughput by clients for prompts of 2,600 and outputs of 60 tokens, in requests a second."""
    ours = _curve(fastgen(), 2600, 60, seed)
    figures: dict[str, float] = {}
    for pace in (2, 4, 6):
        rates = _rates(ours, pace)
        figures |= {f"fastgen_{pace}_at_{clients}": float(rate) for clients, rate in zip(CLIENTS, rates, strict=True)}
        figures[f"fastgen_{pace}_peak"] = float(rates.max())
        figures[f"fastgen_{pace}_best"] = float(CLIENTS[int(rates.argmax())])
        for factor in SLOWER_HOST:
            theirs = _rates(_curve(slowed(vllm(), factor), 2600, 60, seed), pace)
            name = f"vllm_{pace}_x{factor:g}"
            figures |= {f"{name}_at_{clients}": float(rate) for clients, rate in zip(CLIENTS, theirs, strict=True)}
            figures[f"{name}_peak"] = float(theirs.max())
            figures[f"peak_ratio_{pace}_x{factor:g}"] = float(rates.max() / theirs.max())
    at_peak = ours[int(_rates(ours, 4).argmax())]
    figures["fastgen_failed"] = 1.0 - float(np.mean(at_peak.kept(4)))
    theirs_at = _curve(slowed(vllm(), AS_MEASURED), 2600, 60, seed)
    worst = theirs_at[int(_rates(theirs_at, 4).argmax())]
    figures["vllm_failed"] = 1.0 - float(np.mean(worst.kept(4)))
    return figures


def latency(seed: int) -> dict[str, float]:
    """Return where the curves of latency over throughput stand, for the schedules alone and with the slower host."""
    figures = {}
    for factor in (1.0, AS_MEASURED):
        for name, engine in (("fastgen", fastgen()), ("vllm", slowed(vllm(), factor))):
            rate, seconds = _latencies(_curve(engine, 1200, 128, seed))
            figures[f"{name}_rate_at_9s_x{factor:g}"] = float(np.interp(9.0, seconds, rate))
            rate, seconds = _latencies(_curve(engine, 2600, 60, seed))
            figures[f"{name}_seconds_at_1.2_x{factor:g}"] = float(np.interp(1.2, rate, seconds))
        figures[f"rate_ratio_x{factor:g}"] = (
            figures[f"fastgen_rate_at_9s_x{factor:g}"] / figures[f"vllm_rate_at_9s_x{factor:g}"]
        )
    for name, engine in (("fastgen", fastgen()), ("vllm", vllm())):
        figures[f"{name}_ttft"] = _ttft(_curve(engine, 2600, 60, seed)[CLIENTS.index(2)])
    return figures | {"ttft_ratio": figures["fastgen_ttft"] / figures["vllm_ttft"]}


def fleet(seed: int) -> dict[str, float]:
    """Return requests a second of one replica and of sixteen, 16 clients a replica, round robin."""
    one = run(fastgen(), trace(16, 2600, 60, seed)).throughput()
    many = a100("llama-2-70b", 4, Fastgen(), replicas=REPLICAS)
    all_together = run(many, trace(16 * REPLICAS, 2600, 60, seed, REQUESTS * REPLICAS), REQUESTS * REPLICAS)
    return {"one": one, "sixteen": all_together.throughput(), "ratio": all_together.throughput() / one}


def counter(seed: int) -> dict[str, float]:
    """Return where FastGen does not win: Llama 2 7B on one A100, outputs that are not short, schedules alone."""
    ours, theirs = a100("llama-2-7b", 1, Fastgen()), a100("llama-2-7b", 1, VllmV0())
    figures = {}
    for prompt, output in ((512, 512), (256, 256)):
        sent = trace(64, prompt, output, seed)
        figures[f"throughput_{prompt}_{output}"] = run(theirs, sent).throughput() / run(ours, sent).throughput()
    for prompt, output in ((512, 512), (2600, 60)):
        peaks = [
            max(run(engine, trace(clients, prompt, output, seed)).effective(6) for clients in CROWDS)
            for engine in (ours, theirs)
        ]
        figures[f"gain_{prompt}_{output}"] = peaks[0] / peaks[1]
    return figures


def computed(seed: int) -> dict[str, float]:
    """Return what a decoder that really computes shows: token gaps of its talkers by engine, and whose tokens differ.

    Eight requests decode while prompts of 512 tokens come one after the other; gaps are measured in CPU time.
    """
    from threadpoolctl import threadpool_limits

    chance = np.random.default_rng([seed, 4])
    count = TALKERS + LONG_PROMPTS
    prompt = np.where(np.arange(count) < TALKERS, 16, 512)
    after = np.where(np.arange(count) <= TALKERS, -1, np.arange(count) - 1)
    output = np.where(np.arange(count) < TALKERS, TALK, 6)
    sent = Trace(np.zeros(count), prompt, output, after=after, pause=np.zeros(count))
    decoder = Decoder(DECODER, {i: chance.integers(0, DECODER.vocabulary, size) for i, size in enumerate(prompt)}, seed)
    found: dict[str, float] = {}
    budgets = {f"budget_{size}": Fastgen(size, block_size=16) for size in (32, 64, 128, 1 << 20)}
    engines: dict[str, Engine] = {"prefill_first": VllmV0(), **budgets}
    with threadpool_limits(1):  # threads that wait for each other count as CPU time
        alone = [decoder.alone(i, int(output[i])) for i in range(count)]
        for name, engine in engines.items():
            cost: Any = decoder  # its verb is plain Python, which no Protocol says
            served = a100("llama-2-7b", 1, engine, cost=cost, kv_tokens=100_000, max_model_len=1024)
            tokens = served.simulate(trace=sent, record_tokens=True).tokens
            gaps = np.diff(tokens[: TALKERS * TALK].reshape(TALKERS, TALK), axis=1)
            found[f"{name}_p95"] = float(np.quantile(gaps, 0.95))
            found[f"{name}_differ"] = float(np.mean([decoder.outputs[i] != alone[i] for i in range(count)]))
    return found | {
        "p95_share": found["budget_64_p95"] / found["prefill_first_p95"],
        "differ": max(share for name, share in found.items() if name.endswith("differ")),
    }


def passes() -> dict[str, float]:
    """Return milliseconds of a forward pass by tokens, and the most that an uneven split of two passes could gain.

    The published curve does not name its model; the work it implies is that of 13 billion weights on one A100.
    """
    curve = {f"ms_{tokens}": 1e3 * _pass(Roofline(), "llama-2-13b", 1, tokens) for tokens in TOKENS}
    return curve | {
        "uneven_roofline": _uneven(Roofline(), "llama-2-13b", 1),
        "uneven_layers": _uneven(LayerTable(), "llama-2-70b", 4),
    }


def _pass(cost: Cost, name: str, tensor: int, tokens: int) -> float:
    tables = cost.tables(model(name), device("a100-80gb"), tensor)
    return float(cost.seconds(np.array([tokens]), np.array([0]), 0, 0.0, 0, tables)[0])


def _uneven(cost: Cost, name: str, tensor: int) -> float:
    """Return how much more tokens a second two passes of x - h and x + h tokens reach than two of x, at most."""
    even = range(64, 2049, 64)
    rate = {tokens: tokens / _pass(cost, name, tensor, tokens) for tokens in range(32, 4097, 32)}
    return max((rate[x - h] + rate[x + h]) / (2 * rate[x]) - 1 for x in even for h in range(32, x, 32))


@cache
def _curve(engine: ServeScenario, prompt: float, output: float, seed: int) -> list[Measured]:
    return [run(engine, trace(clients, prompt, output, seed)) for clients in CLIENTS]


def _rates(curve: list[Measured], pace: float) -> Floats:
    return np.array([measured.effective(pace) for measured in curve])


def _latencies(curve: list[Measured]) -> tuple[Floats, Floats]:
    return np.array([m.throughput() for m in curve]), np.array([m.latency() for m in curve])


def _ttft(measured: Measured) -> float:
    return float(np.mean(measured.times[:, 0] - measured.arrival))
