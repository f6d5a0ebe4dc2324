"""POLCA: more servers under one power budget, held by clocks that are lowered in steps, low priority first."""

import time
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.cluster.row.caps import Cap, Training, unfitted
from evenly.cluster.row.caps.ideal import Ideal
from evenly.cluster.row.caps.no_cap import NoCap
from evenly.cluster.row.caps.one_all import OneAll
from evenly.cluster.row.caps.one_low import OneLow
from evenly.cluster.row.caps.polca import Polca
from evenly.cluster.row.caps.predictive import Predictive
from evenly.cluster.row.oracle import Oracle, capped, highest
from evenly.cluster.row.results import figures
from evenly.cluster.row.row import Demand, Plant, rise, steps
from evenly.cluster.row.safe import safe
from evenly.cluster.row.scaling import Scaling, binned, fixed
from evenly.cluster.row.scenario import ANOTHER, RowScenario
from evenly.cluster.row.traffics import Traffic
from evenly.cluster.row.traffics._services import SERVICES
from evenly.cluster.row.traffics.daily import DAY, Daily
from evenly.cluster.row.traffics.recorded import Recorded
from evenly.hardware.server import Server, phases
from evenly.hosts.row.measure import measure
from evenly.papers.data import public
from evenly.traces.read import read
from evenly.traces.sources.file import File

if TYPE_CHECKING:
    from evenly.kernel.row.simulate import Row

WEEK = Daily(hours=168.0)
POLICIES: dict[str, Cap] = {"none": NoCap(), "one_low": OneLow(), "one_all": OneAll(), "polca": Polca()}
COUNTS = (50, 53, 54, 56)
SEEDS = (0, 1, 2)  # of the search for safe counts
MOST = 60  # servers that the search tries
SMALL = Plant(3, 1.0, Server(), phases("bloom-176b"), 10.0, 0.0, 0.0)
CASES, TICKS = 10, 8  # small rows, and samples of each
TIGHT = 1.03  # times the budget that a small row draws at most without caps
PROMPTS = [service.prompt for service in SERVICES]
MEAN = 0.82 * 0.72  # share of a server's time that the daily law asks for in the mean
# DGX-H100: 10.2 kW at most and 1,980 MHz by its data sheet, so 4.6 kW beside eight devices at their limit; 2.8 kW idle
# in the public simulator. What clocks do is assumed to be as on an A100.
H100 = Server(device="h100", provisioned=10_200.0, rest_busy=4_600.0, rest_idle=2_000.0, top=1980.0)
AZURE = "AzureLLMInferenceTrace_conv.csv"


def row(servers: int, **changes: Any) -> RowScenario:
    """Return a week of a row whose budget is that of 40 servers."""
    return RowScenario(**{"servers": servers, "trace": WEEK, **changes})


@lru_cache(16)
def drawn(trace: Traffic, seed: int) -> Demand:
    """Return what the largest row is asked for; a smaller one is asked for its part of it."""
    return row(MOST).plant.demand(trace, seed)


@lru_cache
def learnt(servers: int, seed: int) -> Training:
    """Return a week of a row without caps, from another seed."""
    scenario = row(servers)
    free = scenario.plant.run(Ideal(), drawn(WEEK, seed + ANOTHER), WEEK.seconds)
    return scenario.plant.learnt(free.samples)


def ran(scenario: RowScenario) -> "Row":
    """Return a run of a row of the default servers, or of others that draw as much at full clock."""
    cap = scenario.cap
    if unfitted(cap):
        cap = cap.fit(learnt(scenario.servers, scenario.seed))
    return scenario.plant.run(cap, drawn(scenario.trace, scenario.seed), scenario.trace.seconds, scenario.seed)


def figured(scenario: RowScenario) -> dict[str, float]:
    """Return the metrics of a run, with brakes a day."""
    found = figures(scenario, drawn(scenario.trace, scenario.seed).of(scenario.servers), ran(scenario))
    return found | {"brakes_day": found["brakes"] / (scenario.trace.seconds / DAY)}


def braked(scenario: RowScenario) -> float:
    """Return the brakes of a run."""
    return float(ran(scenario).state[0]["brakes"])


def oversubscribed(seed: int) -> dict[str, float]:
    """Return what 52 servers do under each policy, and POLCA and the predictive one against the ideal."""
    asked = row(52, seed=seed)
    runs = {name: figured(replace(asked, cap=cap)) for name, cap in {**POLICIES, "predictive": Predictive()}.items()}
    ideal = figured(replace(asked, cap=Ideal()))
    found = {f"{name}_{key}": value for name, run in runs.items() for key, value in run.items()}
    found |= {f"ideal_{key}": value for key, value in ideal.items()}
    for name, run in runs.items():
        for key in ("high_p50", "high_p99", "low_p50", "low_p99", "high_service_p50", "low_service_p50"):
            found[f"{name}_{key}_worse"] = 100 * (run[key] / ideal[key] - 1)
        for key in ("high_throughput", "low_throughput"):
            found[f"{name}_{key}_lost"] = 100 * (1 - run[key] / ideal[key])
        found |= {
            f"{name}_{key}_percent": 100 * run[key] for key in ("peak", "brake_time", "capped_low", "capped_high")
        }
    found["capped_less"] = 100 * (1 - runs["predictive"]["capped_low"] / runs["polca"]["capped_low"])
    return found


def covered(seed: int) -> dict[str, float]:
    """Return what the 40 servers do that the budget covers: no policy has anything to do, and how the power rises."""
    found = {f"{name}_brakes": braked(row(40, seed=seed, cap=cap)) for name, cap in POLICIES.items()}
    scenario = row(40, seed=seed, cap=Ideal())
    free = ran(scenario)
    return found | {
        "brakes": sum(found.values()),
        "peak": 100 * float(free.samples.max()),
        "rise_40": 100 * float(rise(free.samples, steps(40.0, scenario.tick)).max()),
        "rise_2": 100 * float(rise(free.samples, 1).max()),
    }


def counts(seed: int) -> dict[str, float]:
    """Return brakes by number of servers and policy, over a day that begins at midnight, as in the prototype."""
    return {
        f"{name}_{servers}": braked(row(servers, seed=seed, cap=cap, trace=Daily()))
        for servers in COUNTS
        for name, cap in POLICIES.items()
    }


def largest() -> dict[str, float]:
    """Return the largest safe number of servers of each policy, over three seeds of a week each."""
    every = {**POLICIES, "predictive": Predictive()}
    found = {
        name: float(safe(row(40, cap=cap), SEEDS, MOST, drawn=partial(drawn, WEEK))) for name, cap in every.items()
    }
    found["lead"] = found["polca"] - max(found[name] for name in ("none", "one_low", "one_all"))
    return found


def weeks(seed: int) -> dict[str, float]:
    """Return what six weeks of 52 servers show, and the processor time that they take, compiled code apart."""
    scenario = row(52, trace=Daily(hours=24 * 42.0), seed=seed)
    start = time.process_time()
    asked = scenario.plant.demand(scenario.trace, seed)
    run = scenario.plant.run(Polca(), asked, scenario.trace.seconds, seed)
    return {"brakes": float(run.state[0]["brakes"]), "seconds": time.process_time() - start}


def day(seed: int) -> float:
    """Return the processor seconds of a day of 52 servers at ticks of a second."""
    scenario = row(52, trace=Daily(), tick=1.0, seed=seed)
    start = time.process_time()
    scenario.run()
    return time.process_time() - start


def model() -> dict[str, float]:
    """Return what the model of power and speed says of the published trade: how much slower at a lower peak, in %."""
    server, known = Server(), phases("bloom-176b")
    found = {}
    mean = (
        float(np.mean([known.prompt_seconds(np.arange(low, high + 1)).mean() for low, high in PROMPTS])),
        float(np.mean([known.token_seconds * sum(service.output) / 2 for service in SERVICES])),
    )
    for lower in (13, 20):
        share = float(known.prompt_share(2048))
        kept = ((1 - lower / 100) * share * server.limit - server.idle) / (share * server.limit - server.idle)
        clock = server.top * kept ** (1 / server.exponent)
        slow = mean[0] / server.speed(server.prompt_loss, clock) + mean[1] / server.speed(server.token_loss, clock)
        found[f"loss_{lower}"] = 100 * (slow / sum(mean) - 1)
    batches = {2: 1.006, 4: 1.013, 8: 1.018, 16: 1.024}
    apart = [abs(float(known.prompt_share(512 * batch)) / peak - 1) for batch, peak in batches.items()]
    return found | {"batch": 100 * max(apart)}


def thresholds(seed: int) -> dict[str, float]:
    """Return the thresholds fitted to a week of 40 and of 52 servers, and what 52 servers do with theirs."""
    found: dict[str, float] = {}
    for servers in (40, 52):
        settled = Polca(first=None, second=None).fit(learnt(servers, seed))
        assert settled.first is not None
        assert settled.second is not None
        found |= {f"first_{servers}": 100 * settled.first, f"second_{servers}": 100 * settled.second}
    run = figured(row(52, seed=seed, cap=settled))
    return found | {"brakes": run["brakes"], "capped": 100 * run["capped_low"]}


def variance(seed: int) -> dict[str, float]:
    """Return how the variance of the row's power falls with its servers at a steady load, and peak over mean of two."""
    steady = Daily(hours=48.0, swing=0.0, peak=0.6)
    sizes, spread, over = (8, 16, 32, 64, 128), [], {}
    asked = row(max(sizes)).plant.demand(steady, seed)
    for servers in sizes:
        scenario = row(servers, provisioned=servers, trace=steady, seed=seed)
        samples = scenario.plant.run(Ideal(), asked, steady.seconds, seed).samples[1800:]
        spread.append(float(np.var(samples) / np.mean(samples) ** 2))
        over[servers] = float(samples.max() / samples.mean())
    slope = float(np.polyfit(np.log(sizes), np.log(spread), 1)[0])
    return {"slope": slope, "few": over[8], "many": over[128]}


def small(seed: int) -> dict[str, float]:
    """Return POLCA against the least capping on rows of three servers whose power would exceed the budget by 3%.

    Commands take effect at once, and the thresholds are fitted to the row's own rise within a tick.
    """
    kept, ratios = 0, []
    for case in range(CASES):
        traffic = Daily(hours=TICKS * SMALL.tick / 3600, peak=2.0, swing=0.0)
        asked = SMALL.demand(traffic, 1000 * seed + case)
        plant = replace(SMALL, budget=highest(SMALL, asked, traffic.seconds) / TIGHT)
        free = plant.run(Ideal(), asked, traffic.seconds)
        cap = Polca(first=None, second=None).fit(plant.learnt(free.samples))
        least = Oracle(plant, asked, cap.clocks, TICKS).least()
        held = plant.run(cap, asked, traffic.seconds)
        state = held.state[0]
        kept += held.samples.max() <= 1 + 1e-9 or least == np.inf
        if np.isfinite(least) and least > 0:
            ratios.append(capped(plant, float(state["capped_low"]), float(state["capped_high"])) / least)
    return {"kept": 100 * kept / CASES, "gap": float(np.mean(ratios)) if ratios else float("nan")}


def assumed(seed: int) -> dict[str, float]:
    """Return brakes of POLCA at 52 servers, and its low priority, by the constants that are assumed."""
    changes: dict[str, dict[str, float]] = {
        "exponent_12": {"exponent": 1.2},
        "exponent_20": {"exponent": 2.0},
        "rest_less": {"rest_busy": 2900.0, "rest_idle": 2150.0},
        "rest_more": {"rest_busy": 3200.0, "rest_idle": 2450.0},
        "loss_double": {"prompt_loss": 0.95, "token_loss": 0.44},
    }
    found: dict[str, float] = {}
    for name, change in changes.items():
        run = figured(row(52, seed=seed, server=Server(**change)))  # type: ignore[arg-type]
        found |= {f"{name}_brakes": run["brakes_day"], f"{name}_low": run["low_p50"]}
    return found


def bursts(seed: int) -> dict[str, float]:
    """Return brakes a day at 52 servers if all of them see bursts at once, six a day."""
    found = {}
    for name, factor in (("burst", 1.3), ("double", 2.0)):
        traffic = replace(WEEK, bursts=6.0, burst=factor)
        for policy in ("none", "polca"):
            found[f"{policy}_{name}"] = braked(row(52, seed=seed, trace=traffic, cap=POLICIES[policy])) / 7
    return found


def recorded(seed: int) -> dict[str, float]:
    """Return what a day of 52 servers shows whose requests are those of an hour at Azure, again and again."""
    path = public(AZURE, "https://github.com/Azure/AzurePublicDataset")
    traffic = Recorded(File(str(path)), load=MEAN)
    found: dict[str, float] = {}
    for name in ("none", "polca"):
        scenario = row(52, seed=seed, trace=traffic, cap=POLICIES[name])
        state = scenario.plant.run(scenario.cap, drawn(traffic, seed), traffic.seconds, seed).state[0]
        found |= {
            f"{name}_brakes": float(state["brakes"]),
            f"{name}_peak": 100 * float(state["peak"] / scenario.plant.budget),
        }
    return found


def hopper(seed: int) -> dict[str, float]:
    """Return the peak of 40 DGX-H100 that serve Llama 2 70B for a day, and the largest safe numbers of servers."""
    base = row(40, seed=seed, server=H100, model="llama-2-70b", trace=Daily())
    scaled = H100.top / Server().top
    cap = Polca(low_first=1275 * scaled, low_second=1110 * scaled, high_second=1305 * scaled)
    asked = replace(base, servers=MOST).plant.demand(base.trace, seed)
    free = base.plant.run(Ideal(), asked, base.trace.seconds)
    found = {"peak": 100 * float(free.samples.max())}
    for name, policy in (("none", NoCap()), ("polca", cap)):
        found[name] = float(safe(replace(base, cap=policy), (seed,), MOST, drawn=lambda _: asked))
    return found


def replicas() -> dict[str, float]:
    """Return what the ladder does for replicas of a fleet on the conversations of an hour at Azure."""
    trace = read(public(AZURE, "https://github.com/Azure/AzurePublicDataset"))
    known = phases("llama-2-70b")
    seats = 16.0  # requests that a replica serves at once
    seconds = known.prompt_seconds(trace.prompt) + known.token_seconds * trace.output / seats
    work = binned(trace.arrival - trace.arrival[0], seconds, 1.0)
    scaled = Scaling(least=2, most=40).run(work, 1.0)
    peak = int(scaled.replicas.max())
    even = fixed(work, 1.0, max(1, round(float(scaled.replicas.mean()))))
    whole = fixed(work, 1.0, peak)
    return {
        "hours": scaled.hours / whole.hours,
        "changes": float(scaled.changes),
        "wait": float(np.quantile(scaled.wait, 0.99)),
        "wait_peak": float(np.quantile(whole.wait, 0.99)),
        "wait_mean": float(np.quantile(even.wait, 0.99)),
    }


def computed() -> dict[str, float]:
    """Return brakes of a row of processes with and without POLCA, judged by other runs than it was fitted to."""
    return measure()
