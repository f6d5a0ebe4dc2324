"""APEX: plans that a simulation chooses, held against measured servers and against the published choices."""

import csv
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from statistics import fmean

import numpy as np

from evenly.core import Ints, Trace
from evenly.hardware.model import model
from evenly.hosts.layouts import measure as real
from evenly.papers.apex_beyond import apart, pools, uneven
from evenly.papers.data import public
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate, evaluate
from evenly.plan.cost import Passes
from evenly.plan.estimate import static_makespan
from evenly.plan.knobs import CLOCKS
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import at_once, at_rate, scores, search
from evenly.plan.space import heuristic, layouts, shapes
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.fixed import Fixed
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.read import read

__all__ = ["apart", "pools", "uneven"]  # measures of claims that stand in a file of their own
ORIGIN = "https://github.com/microsoft/apex_plus (MIT)"
LARGE = VllmV1(max_num_batched_tokens=8192, max_num_seqs=1024)  # vLLM's own limits on large devices
SMALL = replace(LARGE, max_num_batched_tokens=2048)
DEFAULT = replace(LARGE, max_num_seqs=256)  # on any device, in the releases that were measured
WORKSPACE = 2.0**30  # bytes that the public code leaves of each device; it gives all else to weights and caches
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
SHOWN_RATE = 1.611  # requests a second that the fastest plan of the shown output served, which kept up with them
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
SIZES = (8, 32, 128)  # devices that a search is timed on
MEMORIES, HOSTS = (0.70, 0.75, 0.80, 0.85, 0.90), (0.0, 0.002, 0.003, 0.004, 0.005, 0.006)


# ---- Measured servers ----------------------------------------------------------------------------------------------


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


def fidelity(seed: int) -> dict[str, float]:
    """Return errors of time a token and first token over the 18 published cells of eight H100, in %, and ours in ms."""
    given = [cell for cell in cells() if cell.plan in PLANS] + summaries()
    figures = errors(given, Passes(), seed)
    variants = {"bare": Passes(memory=0.75, host=0.0), "engine": Passes(gathers="engine")}
    for name, passes in variants.items():
        figures |= {f"{name}_{key}": value for key, value in errors(given, passes, seed).items()}
    return figures | {f"long_{key}": value for key, value in errors(summaries(), Passes(), seed).items()}


def fewer() -> dict[str, float]:
    """Return the same errors for the three public runs on two and four devices."""
    return errors([cell for cell in cells() if cell.plan not in PLANS], Passes())


def mixture(seed: int) -> dict[str, float]:
    """Return the mean error of time a token of a model with experts, in %, and how many pairs are in measured order."""
    ours: dict[tuple[str, str], float] = {}
    for plan, workload in MIXTRAL:
        copies, width = PLANS[plan].replicas, PLANS[plan].tensor
        base = PlanScenario(trace=Given(), model="mixtral-8x22b-fp8", tensor=width, engine=LARGE)
        ours[plan, workload] = evaluate(base, _of_mixtral(workload, copies, seed)).figures["tpot_mean"]
    error = fmean(100 * abs(ours[key] / tpot - 1) for key, (_, tpot) in MIXTRAL.items())
    pairs = [(a, b) for a, b in combinations(MIXTRAL, 2) if a[1] == b[1]]
    kept = sum((ours[a] < ours[b]) == (MIXTRAL[a][1] < MIXTRAL[b][1]) for a, b in pairs)
    return {"tpot": error, "ordered": kept / len(pairs)}


def _of_mixtral(workload: str, copies: int, seed: int) -> Trace:
    """Return what one server was sent; `creation` is shorter in the tokens of this model, by its published means."""
    count = {"creation": 725, "lmsys": 1024, "summarization": 1300}[workload] // copies
    trace = drawn(workload, count, 0.5 / copies, seed)
    if workload != "creation":
        return trace
    return replace(trace, prompt=_scaled(trace.prompt, 356.0), output=_scaled(trace.output, 761.0))


def halves() -> dict[str, float]:
    """Return the figures fitted to the cells of one rate, and the errors that they have on those of the other."""
    known, unseen = ([cell for cell in cells() if cell.plan in PLANS and cell.rate == rate] for rate in (0.25, 0.5))
    options = [Passes(memory=memory, host=host) for memory in MEMORIES for host in HOSTS]
    best = min(options, key=lambda passes: errors(known, passes)["tpot"])
    return {"memory": best.memory, "host": best.host * 1e3, **errors(unseen, best)}


def summaries() -> list[Cell]:
    """Return the published cells of long prompts, whose lengths are drawn from published quantiles."""
    return [
        Cell(plan, "summarization", rate, ttft, tpot, 1300 // PLANS[plan].replicas, 0.0, 0.0)
        for (plan, rate), (ttft, tpot) in SUMMARIZED.items()
    ]


def errors(given: Iterable[Cell], passes: Passes, seed: int = 0) -> dict[str, float]:
    """Return mean and worst relative error of ours against the measured cells, in %, and ours in ms by cell."""
    tpot, ttft, figures = [], [], {}
    for cell in given:
        ours = simulated(cell, passes, seed)
        tpot.append(100 * abs(ours["tpot_mean"] / cell.tpot - 1))
        ttft.append(100 * abs(ours["ttft_mean"] / cell.ttft - 1))
        figures[cell.name] = ours["tpot_mean"] * 1e3
        figures[f"{cell.name}_ttft"] = ours["ttft_mean"] * 1e3
    return figures | {"tpot": fmean(tpot), "tpot_worst": max(tpot), "ttft": fmean(ttft), "ttft_worst": max(ttft)}


def simulated(cell: Cell, passes: Passes, seed: int = 0) -> Mapping[str, float]:
    """Return the figures of one server of a cell."""
    width = PLANS[cell.plan].tensor if cell.plan in PLANS else int(cell.plan[0])
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", tensor=width, engine=LARGE, cost=passes)
    return evaluate(base, requests_of(cell, seed)).figures


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


# ---- Choice of a plan ----------------------------------------------------------------------------------------------


def offline() -> dict[str, float]:
    """Return the seconds that `creation` takes if all of it is there from the start, and who is best."""
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", engine=LARGE)
    plan = search(base, 8, at_once(recorded("creation", 0.5)), "makespan")
    seconds = {one.scenario.layout: one.figures["makespan"] for one in plan.candidates}
    one, two, four = (seconds[layout] for layout in PLANS.values())
    assert plan.heuristic is not None
    guessed = min(
        (one.scenario.layout for one in plan.candidates),
        key=lambda layout: static_makespan(base.with_layout(layout), recorded("creation", 0.5)),
    )
    best = plan.winner.figures["makespan"]
    usual = [replace(base.with_layout(layout), engine=DEFAULT) for layout in (PLANS["8TP"], PLANS["2DP4TP"])]
    few = [one.figures["makespan"] for one in scores(usual, at_once(recorded("creation", 0.5)))]
    return {
        "default_two_over_one": few[0] / few[1],
        "8TP": one,
        "2DP4TP": two,
        "4DP2TP": four,
        "two_over_one": one / two,
        "four_over_two": four / two,
        "best": best,
        "gain": plan.heuristic.figures["makespan"] / best,
        "static": seconds[guessed] / best,
    }


def tail(seed: int) -> dict[str, float]:
    """Return the same ratio for answers of at most 2,475 tokens: two of the recorded ones are a thousand longer."""
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", engine=LARGE)
    ways = [base.with_layout(PLANS[name]) for name in ("8TP", "2DP4TP")]
    one, two = scores(ways, at_once(drawn("creation", 512, 0.5, seed)))
    return {"two_over_one": one.figures["makespan"] / two.figures["makespan"]}


def online() -> dict[str, float]:
    """Return how the time a token of 8TP compares with that of the best other layout, at half a request a second."""
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", engine=LARGE)
    found = {}
    for workload in ("creation", "lmsys"):
        plan = search(base, 8, recorded(workload, 0.5), "tpot_mean")
        eight = next(one for one in plan.candidates if one.scenario.layout == PLANS["8TP"])
        others = [one.figures["tpot_mean"] for one in plan.candidates if one.scenario.layout != PLANS["8TP"]]
        found[workload] = min(others) / eight.figures["tpot_mean"]
    return found


def published(seed: int) -> dict[str, float]:
    """Return what the output shown by the public code becomes here: 100 requests on two H100, three layouts."""
    chance = np.random.default_rng([seed, 9])
    means = (1198.0, 209.0)  # of the shown run: its tokens a second times its seconds, over its requests
    prompt, output = (np.maximum(1, np.rint(chance.exponential(mean, 100))).astype(np.int64) for mean in means)
    trace = Trace(np.cumsum(chance.exponential(1 / SHOWN_RATE, 100)), prompt, output)
    base = PlanScenario(
        trace=Given(),
        model="llama-3-70b",
        tensor=2,
        node=2,
        engine=LARGE,
        max_model_len=16384,
        utilisation=1.0,
        activation=WORKSPACE,
    )
    ways = (Layout(tensor=2), Layout(stages=2), Layout(tensor=2, attention=2))
    two, stages, ranks = scores([base.with_layout(way) for way in ways], trace)
    return {
        "stages": stages.figures["makespan"] / two.figures["makespan"],
        "ranks": ranks.figures["makespan"] / two.figures["makespan"],
        "stages_tpot": stages.figures["tpot_mean"] / two.figures["tpot_mean"],
        "waiting": 100 * ranks.figures["wait_share"],
    }


def experts(seed: int) -> dict[str, float]:
    """Return end-to-end time of whole experts over sliced ones, Mixtral 8x22B in 8 bits on eight H100."""
    found = {}
    for workload in ("creation", "lmsys", "summarization"):
        trace = drawn(workload, 512, 0.5, seed)
        for routing in ("even", "power-law"):
            base = PlanScenario(trace=Given(), model="mixtral-8x22b-fp8", engine=LARGE, cost=Passes(routing=routing))
            sliced, whole = scores([base, replace(base, experts="expert")], trace)
            found[f"{workload}_{routing}"] = whole.figures["e2e_mean"] / sliced.figures["e2e_mean"]
    return found


# ---- Links that are slow, energy, time of a search -----------------------------------------------------------------


def pcie() -> dict[str, float]:
    """Return how much sooner the best layout is done than the usual rule, on V100 that talk over PCI Express."""
    found = {}
    for name, network, devices, lengths in (
        ("long_13b", "llama-2-13b", 4, Fixed(3000, 170)),
        ("long_8b", "llama-3-8b", 4, Fixed(3000, 170)),
        ("prompts_13b", "llama-2-13b", 4, Fixed(3000, 8)),
        ("prompts_8b", "llama-3-8b", 4, Fixed(3000, 8)),
        ("two_machines", "llama-2-13b", 8, Fixed(3000, 170)),
    ):
        prompt, output = lengths.draw(128, np.random.default_rng(0))
        base = PlanScenario(trace=Given(), model=network, device="v100-pcie", node=4, engine=SMALL, max_model_len=4096)
        plan = search(base, devices, Trace(np.zeros(128), prompt, output), "makespan")
        assert plan.heuristic is not None
        found[name] = plan.heuristic.figures["makespan"] / plan.winner.figures["makespan"]
    return found


def energy(seed: int) -> dict[str, float]:
    """Return how much less energy the best plan takes than the fastest, in %, by workload: layouts and clocks."""
    found = {}
    for workload in ("creation", "lmsys", "summarization"):
        trace = drawn(workload, 128, 0.5, seed)
        base = PlanScenario(trace=Given(), model="llama-3.1-70b", engine=LARGE)
        ways = [base.with_layout(layout) for layout in layouts(model(base.model), 8, 8) if _holds(base, layout)]
        full = scores(ways, trace)
        slow = scores([replace(way, clock=clock) for way in ways for clock in CLOCKS[1:]], trace)
        fastest = min(full, key=lambda one: one.figures["e2e_mean"])
        found[workload] = _saved(fastest, [*full, *slow])
        found[f"{workload}_layout"] = _saved(fastest, full)
    return found | {"most": max(found[name] for name in ("creation", "lmsys", "summarization"))}


def _saved(fastest: Candidate, others: list[Candidate]) -> float:
    least = min(one.figures["energy"] for one in others)
    return 100 * (1 - least / fastest.figures["energy"])


def _holds(base: PlanScenario, layout: Layout) -> bool:
    try:
        base.with_layout(layout).crew()
    except ValueError:
        return False
    return True


def speed() -> dict[str, float]:
    """Return CPU seconds that a search takes by the number of devices, compiled code loaded, and what it scored."""
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", engine=LARGE)
    found: dict[str, float] = {}
    for devices in SIZES:
        trace = at_rate(drawn("creation", 512, 0.5, 0), devices / 8)
        start = time.process_time()
        plan = search(base, devices, trace, "latency")
        found[f"seconds_{devices}"] = time.process_time() - start
        found[f"scored_{devices}"] = len(plan.candidates)
        found[f"shapes_{devices}"] = sum(1 for _ in shapes(devices, 80))
        usual = heuristic(model(base.model), devices, 8)
        slow = next(one for one in plan.candidates if one.scenario.layout == usual)
        found[f"gain_{devices}"] = slow.figures["e2e_mean"] / plan.winner.figures["e2e_mean"]
    return found


# ---- Real workers --------------------------------------------------------------------------------------------------


def cuts(seed: int) -> dict[str, float]:
    """Return how far a transformer on two processes is from one process, under every layout."""
    return real.apart(seed)


def workers() -> dict[str, float]:
    """Return times a token of two processes under every layout, and how well the simulator foresees them."""
    return real.measure()
