"""Serverless cold starts: what a generator calibrated on the published tables draws, and what policies make of it."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from evenly.balance.keepalives import KeepAlive
from evenly.balance.keepalives.clairvoyant import Clairvoyant
from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.histogram import Histogram
from evenly.balance.keepalives.predicted import Predicted
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.brute_force import MOST_CALLS, few, least_cost
from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.chains.expected import Expected
from evenly.cluster.functions.cold_times import SPREAD, ColdTimes, split
from evenly.cluster.functions.joint_distribution import joint_distribution
from evenly.cluster.functions.published import REGIONS, shares, tables
from evenly.cluster.functions.results import figures, lives
from evenly.cluster.functions.routes.least_wait import LeastWait
from evenly.cluster.functions.routes.nearest_warm import NearestWarm
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.region import Region
from evenly.cluster.functions.workloads.regions import Regions
from evenly.cluster.functions.workloads.single import Single
from evenly.cluster.functions.workloads.workflows import Workflows
from evenly.core import Floats, Ints
from evenly.hosts.functions.experiments import along, burst, by_runtime, clocks
from evenly.kernel.functions.simulation import Run
from evenly.papers.reproduce import Skipped

DRAWN = 100_000  # cold starts drawn of each region
WORTH = 60.0  # seconds of an idle pod that a cold start is worth: the keep-alive of the published platform
FOREVER = 1e9  # seconds
SMALL = 60  # sets of calls that are solved exactly
CROWD = 4  # calls on a pod
POLICIES: Mapping[str, KeepAlive] = {
    "fixed_60": Fixed(60.0),
    "fixed_600": Fixed(600.0),
    "histogram": Histogram(most=600.0),
    "histogram_hour": Histogram(most=3600.0),
    "histogram_early": Histogram(most=3600.0, early=True),
    "predicted": Predicted(WORTH),
    "timer": TimerPrewarm(),
    "clairvoyant": Clairvoyant(WORTH),
}

WAITING = ("fixed_60", "fixed_600", "histogram", "histogram_hour", "predicted")  # start nothing ahead


def generated(seed: int) -> dict[str, float]:
    """Return how far drawn cold starts lie from the published tables, in % and points, and their refitted law."""
    known, figures = tables(), {}
    quarter = [0.25, 0.5, 0.75, 0.9]
    for region in REGIONS:
        runtime, trigger, times, parts = sample(region, seed)
        table = [known["cold"][region][known["levels"]["cold"].index(level)] for level in quarter]
        figures[f"{region}_apart"] = 100 * float(np.abs(np.quantile(times, quarter) / table - 1).max())
        figures[f"{region}_mean"] = float(times.mean())
        if region == "all":
            figures["sigma"], figures["mu"] = float(np.log(times).std()), float(np.log(times).mean())
        if region == "R2":
            figures |= told(runtime, trigger, times)
            figures["scratch"] = 100 * float(((times > 10) & (times < 12)).mean())
            figures["parts"] = float(np.abs(parts.sum(axis=1) - times).max()) + float(-min(parts.min(), 0.0))
    return figures


def sample(region: str, seed: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Return runtimes, triggers, times and parts of cold starts of a region, the pairs as often as published for R2."""
    chance = np.random.default_rng([seed, 41])
    both = joint_distribution().colds
    drawn = chance.choice(both.size, DRAWN, p=both.ravel() / both.sum())
    runtime, trigger = (column.astype(np.int64) for column in np.divmod(drawn, both.shape[1]))
    times = ColdTimes(region).times(runtime, trigger, chance.random(DRAWN))
    return runtime, trigger, times, split(times, runtime, np.exp(SPREAD * chance.standard_normal((DRAWN, 4))))


def told(runtime: Ints, trigger: Ints, times: Floats) -> dict[str, float]:
    """Return the largest deviations from what was told by runtime and by trigger."""
    known = tables()
    runtimes, triggers = known["runtimes"], known["triggers"]
    median = [np.median(times[runtime == k]) / entry["total"][2] - 1 for k, entry in enumerate(runtimes.values())]
    apart = [
        np.quantile(times[trigger == k], known["levels"]["trigger"]) / entry["total"] - 1
        for k, entry in enumerate(triggers.values())
        if entry["total"]
    ]
    off = [
        100 * abs(float((column == k).mean()) - share)
        for column, of in ((runtime, "runtimes"), (trigger, "triggers"))
        for k, share in enumerate(shares(of, "colds").values())
    ]
    return {
        "runtime_apart": 100 * float(np.abs(median).max()),
        "trigger_apart": 100 * float(np.abs(apart).max()),
        "share_apart": max(off),
    }


@lru_cache(maxsize=1)
def population(seed: int) -> Calls:
    """Return the calls of 600 functions over two days."""
    return Region().draw(seed)


def policies(seed: int) -> dict[str, float]:
    """Return the figures of each policy on the same calls, and how they compare."""
    calls = population(seed)
    found = {name: _figures(calls, keep) for name, keep in POLICIES.items()}
    base = found["fixed_60"]
    flat = {f"{name}_{key}": value for name, one in found.items() for key, value in one.items()}
    flat |= {
        f"{name}_{key}_ratio": one[key] / base[key]
        for name, one in found.items()
        for key in ("cold_starts", "pod_hours")
    }
    shipped = [name for name in POLICIES if name not in ("clairvoyant", "fixed_60")]
    better = [
        name
        for name in shipped
        if all(found[name][key] <= base[key] for key in ("cold_starts", "pod_hours")) and found[name] != base
    ]
    flat["dominating"] = float(len(better))
    flat["histogram_dominates"] = float("histogram" in better or "histogram_hour" in better)
    best = found["clairvoyant"]["cost"]
    flat["over_clairvoyant"] = min(one["cost"] for one in found.values()) / best
    flat["waiting_over_clairvoyant"] = min(found[name]["cost"] for name in WAITING) / best
    flat["saved"] = 100 * (1 - flat["timer_cold_starts_ratio"])
    flat["calls"] = float(len(calls))
    return flat


def _figures(calls: Calls, keep: KeepAlive) -> dict[str, float]:
    run = FunctionsScenario(keep=keep).simulate(calls)
    found = figures(calls, run, WORTH, bool(getattr(type(keep), "foresees", False)))
    cold = np.isfinite(run.calls["began"])
    found["useless_percent"] = 100 * found["useless"]
    found["timers"] = 100 * float(calls.functions.timers[calls.function[cold]].mean())
    return found


def on_time(seed: int) -> dict[str, float]:
    """Return what timer pre-warm saves where clocks are never late: a tick a minute then meets a pod kept for 60 s."""
    calls = Region(jitter=0.0).draw(seed)
    base, ours = (_figures(calls, keep) for keep in (Fixed(60.0), TimerPrewarm()))
    saved = 100 * (1 - ours["cold_starts"] / base["cold_starts"])
    return {"saved": saved, "pod_hours_ratio": ours["pod_hours"] / base["pod_hours"]}


def oracles(seed: int) -> dict[str, float]:
    """Return what single functions show against what can be computed by hand."""
    slow = _run(Single(period=70.0, seconds=5.0, cold=1.0), Fixed(60.0), seed)
    fast = _run(Single(period=30.0, seconds=5.0, cold=1.0), Fixed(60.0), seed)
    chance = Single(period=40.0, random=True, seconds=0.0, cold=0.0, hours=2000.0)
    poisson = _run(chance, Fixed(60.0), seed)
    count = len(poisson.calls) - 1  # the first is cold by itself
    share = np.exp(-60.0 / 40.0)
    cold = int(np.isfinite(poisson.calls["began"]).sum()) - 1
    crowd = Single(period=3.0, random=True, seconds=20.0, cold=0.0, hours=24.0)
    never, always = _run(crowd, Fixed(0.0), seed), _run(crowd, Fixed(FOREVER), seed)
    return {
        "slow": 100 * float(np.isfinite(slow.calls["began"]).mean()),
        "fast": float(np.isfinite(fast.calls["began"]).sum()),
        "poisson": abs(cold - count * share) / np.sqrt(count * share * (1 - share)),
        "never": float(np.isfinite(never.calls["began"]).mean()),
        "always": float(len(always.pods) - _most_at_once(always)),
        "lifetime": max(_unaccounted(run) for run in (slow, fast, never, always)),
    }


def _most_at_once(run: Run) -> int:
    begin, ended = np.sort(run.calls["start"]), np.sort(run.calls["end"])
    return int((np.arange(1, len(begin) + 1) - np.searchsorted(ended, begin, side="right")).max())


def crowds(seed: int) -> dict[str, float]:
    """Return what several calls on a pod come to: by hand, by formula, and on the 600 functions."""
    crowd = Single(period=3.0, random=True, seconds=20.0, cold=0.0, hours=24.0).draw(seed)
    always = FunctionsScenario(keep=Fixed(FOREVER), concurrency=CROWD).simulate(crowd)
    busy = Single(period=2.0, random=True, seconds=1.0, cold=0.0, hours=50.0).draw(seed)
    shared = FunctionsScenario(keep=Fixed(FOREVER), concurrency=1000, slowdown=1.0).simulate(busy)
    alone = 1 - 1.0 / 2.0  # share of the time that nobody calls
    calls = population(seed)
    one, more = (figures(calls, FunctionsScenario(concurrency=c).simulate(calls), WORTH) for c in (1, CROWD))
    return {
        "pods": float(len(always.pods) - -(-_most_at_once(always) // CROWD)),
        "shared": float((shared.calls["end"] - shared.calls["start"]).mean()) * alone,
        **{f"{key}_ratio": more[key] / one[key] for key in ("cold_starts", "pod_hours")},
    }


def regions(seed: int) -> dict[str, float]:
    """Return the figures of calls that may go to other regions over those of calls that stay."""
    calls = Regions(functions=60).draw(seed)
    home, warm, least = (
        figures(calls, FunctionsScenario(route=route).simulate(calls), WORTH)
        for route in (None, NearestWarm(), LeastWait())
    )
    keys = ("cold_starts", "pod_hours", "added_mean")
    return {f"{name}_{key}": one[key] / home[key] for name, one in (("warm", warm), ("least", least)) for key in keys}


def chains(seed: int) -> dict[str, float]:
    """Return the figures of pods that are started ahead along chains over those of 60 s alone."""
    calls = Workflows(workflows=40, hours=24.0).draw(seed)
    fixed, both, ahead = (
        figures(calls, FunctionsScenario(keep=keep, chain=chain).simulate(calls), WORTH)
        for keep, chain in ((Fixed(60.0), None), (Fixed(60.0), Expected()), (Release(), Expected()))
    )
    keys = ("cold_starts", "pod_hours", "added_mean")
    return {f"{name}_{key}": one[key] / fixed[key] for name, one in (("both", both), ("ahead", ahead)) for key in keys}


def _run(workload: Single, keep: KeepAlive, seed: int) -> Run:
    return FunctionsScenario(trace=workload, keep=keep).simulate(workload.draw(seed))


def _unaccounted(run: Run) -> float:
    """Return the largest difference between a pod's lifetime and the sum of its start, runs and waits, in seconds."""
    parts = sum(lives(run))
    return float(np.abs(run.pods["died"] - run.pods["born"] - parts).max())


def exact(seed: int) -> dict[str, float]:
    """Return the largest cost of the clairvoyant policy over the least possible one, on small random sets of calls."""
    chance = np.random.default_rng([seed, 42])
    worst = 1.0
    for _ in range(SMALL):
        count = int(chance.integers(2, MOST_CALLS + 1))
        calls = few(np.sort(chance.random(count) * 400.0), chance.exponential(20.0, count))
        run = FunctionsScenario(keep=Clairvoyant(WORTH)).simulate(calls)
        waits = float(lives(run, foresees=True)[2].sum())
        ours = waits + WORTH * float(np.isfinite(run.calls["began"]).sum())
        worst = max(worst, ours / least_cost(calls.arrival, calls.seconds, WORTH))
    return {"ratio": worst}


def processes() -> dict[str, float]:
    """Return starts of real interpreters by runtime, in ms, and those from scratch over those from a pool."""
    found = by_runtime()
    figures: dict[str, float] = {"apart": 100 * max(one["apart"] for kinds in found.values() for one in kinds.values())}
    for name, kinds in found.items():
        figures[f"{name}_allocation_ratio"] = kinds["scratch"]["allocation"] / kinds["pool"]["allocation"]
        figures[f"{name}_ratio"] = kinds["scratch"]["least"] / kinds["pool"]["least"]
        figures[f"{name}_dependency"] = 1e3 * kinds["dependencies"]["dependency"]
        figures |= {f"{name}_{kind}": 1e3 * parts["total"] for kind, parts in kinds.items()}
    if "node" not in found:
        raise Skipped("node is not installed")
    return figures


def served() -> dict[str, float]:
    """Return what a pool and pods started ahead cut from the p99 of real calls, and cold starts of both hosts."""
    without, with_pool = (float(np.quantile(burst(stock).added, 0.99)) for stock in (0, 4))
    found = clocks()
    apart = sum(abs(found[f"{name}_cold"] - found[f"{name}_simulated"]) for name in ("fixed", "timer"))
    figures = {"pool": without / with_pool, "timer": found["fixed_p99"] / found["timer_p99"], "apart": apart}
    return figures | found


def stepped() -> dict[str, float]:
    """Return what expecting a chain cuts from the added time of real calls, and cold starts of both hosts."""
    found = along()
    apart = sum(abs(found[f"{name}_cold"] - found[f"{name}_simulated"]) for name in ("alone", "expected"))
    return {"ratio": found["alone_added"] / found["expected_added"], "apart": apart}
