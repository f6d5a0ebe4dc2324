"""Measured servers of the public code of APEX, and what the simulator says of each."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean

import numpy as np

from evenly.core import Ints, Trace
from evenly.papers.data import public
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate, evaluate
from evenly.plan.cost import Passes
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.plan.timings import Timing
from evenly.plan.timings.roofline import Roofline
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.read import read

ORIGIN = "https://github.com/microsoft/apex_plus (MIT)"
ROOFLINE = Roofline()
LARGE = VllmV1(max_num_batched_tokens=8192, max_num_seqs=1024)  # vLLM's own limits on large devices
PLANS = {"8TP": Layout(tensor=8), "2DP4TP": Layout(replicas=2, tensor=4), "4DP2TP": Layout(replicas=4, tensor=2)}
# Requests of `creation` for each engine of the measured runs with more than one: another sample than the trace.
SAMPLES = {"2DP4TP": 402, "4DP2TP": 201}
# Seconds that vLLM took of `summarization`, whose prompts are not among the public files: first token, time a token.
SUMMARIZED = {
    ("8TP", 0.5): (0.2437, 0.01592),
    ("2DP4TP", 0.5): (0.2805, 0.0210),
    ("4DP2TP", 0.5): (0.376, 0.0328),
    ("8TP", 0.25): (0.2314, 0.01479),
    ("2DP4TP", 0.25): (0.274, 0.0205),
    ("4DP2TP", 0.25): (0.373, 0.0321),
}
# Seconds of Mixtral 8x22B in 8 bits at half a request a second: first token, time a token.
MIXTRAL = {
    ("8TP", "creation"): (0.0861, 0.0222),
    ("2DP4TP", "creation"): (0.0936, 0.0248),
    ("4DP2TP", "creation"): (0.240, 0.0328),
    ("8TP", "lmsys"): (0.0763, 0.0172),
    ("2DP4TP", "lmsys"): (0.0732, 0.0216),
    ("4DP2TP", "lmsys"): (0.0648, 0.0309),
    ("8TP", "summarization"): (0.457, 0.0218),
    ("2DP4TP", "summarization"): (0.433, 0.0241),
    ("4DP2TP", "summarization"): (0.197, 0.0315),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured setting: the mean over the servers that shared its requests."""

    plan: str
    workload: str
    rate: float
    "Requests a second of the whole cluster, as the trace file says."
    ttft: float
    tpot: float
    requests: int
    "Of one server."
    prompt: float
    "Mean tokens of a request, as served."
    output: float

    @property
    def name(self) -> str:
        """Return a key for figures."""
        return f"{self.plan}_{self.workload}_{self.rate:g}"


def summaries() -> list[Cell]:
    """Return the published cells of long prompts, whose lengths are drawn from published quantiles."""
    return [
        Cell(plan, "summarization", rate, ttft, tpot, 1300 // PLANS[plan].replicas, 0.0, 0.0)
        for (plan, rate), (ttft, tpot) in SUMMARIZED.items()
    ]


def errors(given: Iterable[Cell], passes: Passes, seed: int = 0, timing: Timing = ROOFLINE) -> dict[str, float]:
    """Return mean and worst relative error of ours against the measured cells, in %, and ours in ms by cell."""
    tpot, ttft, figures = [], [], {}
    for cell in given:
        ours = simulated(cell, passes, seed, timing).figures
        tpot.append(100 * abs(ours["tpot_mean"] / cell.tpot - 1))
        ttft.append(100 * abs(ours["ttft_mean"] / cell.ttft - 1))
        figures[cell.name] = ours["tpot_mean"] * 1e3
        figures[f"{cell.name}_ttft"] = ours["ttft_mean"] * 1e3
    return figures | {"tpot": fmean(tpot), "tpot_worst": max(tpot), "ttft": fmean(ttft), "ttft_worst": max(ttft)}


def simulated(cell: Cell, passes: Passes, seed: int = 0, timing: Timing = ROOFLINE) -> Candidate:
    """Return one server of a cell."""
    width = PLANS[cell.plan].tensor if cell.plan in PLANS else int(cell.plan[0])
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", tensor=width, engine=LARGE, cost=passes, timing=timing)
    return evaluate(base, requests_of(cell, seed))


def requests_of(cell: Cell, seed: int) -> Trace:
    """Return what one server of a cell was sent: its share of the rate, and lengths that sum to what it served."""
    share = PLANS[cell.plan].replicas if cell.plan in PLANS else 1
    if cell.workload == "summarization":
        return drawn("summarization", cell.requests, cell.rate / share, seed)
    trace = recorded(cell.workload, cell.rate)
    some = trace.take(np.arange(cell.requests))
    return Trace(
        some.arrival * share, _scaled(some.prompt, cell.prompt), _scaled(some.output, cell.output), origin=trace.origin
    )


@cache
def cells() -> tuple[Cell, ...]:
    """Return the measured cells of the public runs of vLLM on H100."""
    rows: dict[tuple[str, str, float], list[dict[str, str]]] = {}
    with public("runs.csv", ORIGIN).open(newline="") as file:
        for row in csv.DictReader(file):
            _, workload, rate, _, plan, *_ = row["run"].split("_")
            rows.setdefault((plan, workload, int(rate) / 10 ** (len(rate) - 1)), []).append(row)
    return tuple(_cell(*key, group) for key, group in rows.items())


def _cell(plan: str, workload: str, rate: float, rows: list[dict[str, str]]) -> Cell:
    share = PLANS[plan].replicas if plan in PLANS else 1
    requests = {"lmsys": 1024 // share, "creation": SAMPLES.get(plan, 512)}[workload]

    def mean(name: str) -> float:
        return fmean(float(row[name]) for row in rows)

    tokens = (mean("served_prompt_tokens") / requests, mean("served_output_tokens") / requests)
    return Cell(plan, workload, rate, mean("ttft_s"), mean("tpot_s"), requests, *tokens)


@cache
def recorded(workload: str, rate: float) -> Trace:
    """Return a public trace at about `rate` requests a second."""
    name = f"llama_{workload}_{'05' if rate == 0.5 else '025'}.csv"
    return read(public(name, ORIGIN))


def drawn(workload: str, requests: int, rate: float, seed: int) -> Trace:
    """Return Poisson arrivals with the lengths of a published workload."""
    names: dict[str, Lengths] = {
        "creation": Quantiles(data="creation"),
        "lmsys": Quantiles(data="lmsys-short"),
        "summarization": Quantiles(data="summarization"),
    }
    chance = np.random.default_rng([seed, 3])
    prompt, output = names[workload].draw(requests, chance)
    return Trace(np.cumsum(chance.exponential(1 / rate, requests)), prompt, output)


def _scaled(lengths: Ints, mean: float) -> Ints:
    whole: Ints = np.maximum(1, np.rint(lengths * mean / lengths.mean())).astype(np.int64)
    return whole


def of_mixtral(workload: str, copies: int, seed: int) -> Trace:
    """Return what one server was sent; `creation` is shorter in the tokens of this model, by its published means."""
    count = {"creation": 725, "lmsys": 1024, "summarization": 1300}[workload] // copies
    trace = drawn(workload, count, 0.5 / copies, seed)
    if workload != "creation":
        return trace
    return replace(trace, prompt=_scaled(trace.prompt, 356.0), output=_scaled(trace.output, 761.0))
