"""APEX: plans that a simulation chooses, held against measured servers and against the published choices."""

import time
from dataclasses import replace

import numpy as np

from evenly.core import Trace
from evenly.hardware.model import model
from evenly.hosts.layouts import measure as real
from evenly.papers.apex_beyond import apart, pools, uneven
from evenly.papers.apex_cells import LARGE, PLANS, cells, drawn, errors, recorded, summaries
from evenly.papers.apex_costs import mixture, silicon, silicon_seconds, whole_layers
from evenly.papers.testbed import Given
from evenly.plan.candidate import Candidate
from evenly.plan.cost import Passes
from evenly.plan.estimate import static_makespan
from evenly.plan.knobs import CLOCKS
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import at_once, at_rate, scores, search
from evenly.plan.space import heuristic, layouts, shapes
from evenly.traces.lengths.fixed import Fixed

__all__ = [
    "apart",
    "mixture",
    "pools",
    "silicon",
    "uneven",
    "whole_layers",
]  # measures of claims that stand in a file of their own
SMALL = replace(LARGE, max_num_batched_tokens=2048)
DEFAULT = replace(LARGE, max_num_seqs=256)  # on any device, in the releases that were measured
WORKSPACE = 2.0**30  # bytes that the public code leaves of each device; it gives all else to weights and caches
SHOWN_RATE = 1.611  # requests a second that the fastest plan of the shown output served, which kept up with them
SIZES = (8, 32, 128)  # devices that a search is timed on
MEMORIES, HOSTS = (0.70, 0.75, 0.80, 0.85, 0.90), (0.0, 0.002, 0.003, 0.004, 0.005, 0.006)


# ---- Measured servers ----------------------------------------------------------------------------------------------


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


def halves() -> dict[str, float]:
    """Return the figures fitted to the cells of one rate, and the errors that they have on those of the other."""
    known, unseen = ([cell for cell in cells() if cell.plan in PLANS and cell.rate == rate] for rate in (0.25, 0.5))
    options = [Passes(memory=memory, host=host) for memory in MEMORIES for host in HOSTS]
    best = min(options, key=lambda passes: errors(known, passes)["tpot"])
    return {"memory": best.memory, "host": best.host * 1e3, **errors(unseen, best)}


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
    return found | {"silicon_seconds_128": silicon_seconds(128)}


# ---- Real workers --------------------------------------------------------------------------------------------------


def cuts(seed: int) -> dict[str, float]:
    """Return how far a transformer on two processes is from one process, under every layout."""
    return real.apart(seed)


def workers() -> dict[str, float]:
    """Return times a token of two processes under every layout, and how well the simulator foresees them."""
    return real.measure()
