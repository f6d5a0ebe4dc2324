"""HybriMoE: experts computed by CPU and device together, against one of them alone."""

import importlib.util
from dataclasses import replace
from functools import lru_cache

import numpy as np

from evenly.kernel.offload.asked import Asked
from evenly.kernel.offload.simulation import hits
from evenly.offload import laws
from evenly.offload.caches import Cache
from evenly.offload.caches.belady import Belady
from evenly.offload.caches.decayed_frequent import DecayedFrequent
from evenly.offload.caches.fixed import Fixed
from evenly.offload.caches.least_frequent import LeastFrequent
from evenly.offload.caches.least_recent import LeastRecent
from evenly.offload.caches.least_stale import LeastStale
from evenly.offload.caches.minus_recent_score import MinusRecentScore
from evenly.offload.caches.whole_layers import WholeLayers
from evenly.offload.costs import Costs
from evenly.offload.guard import offloading
from evenly.offload.memory import residents
from evenly.offload.planner import HybridScheduler
from evenly.offload.prefetches.adaptive import Adaptive
from evenly.offload.prefetches.impact import Impact
from evenly.offload.prefetches.nothing import Nothing
from evenly.offload.prefetches.patient_impact import PatientImpact
from evenly.offload.routings.autoregressive import Autoregressive
from evenly.offload.routings.popular import Popular
from evenly.offload.scenario import OffloadScenario
from evenly.offload.schedulers.hybrid import Hybrid
from evenly.offload.schedulers.on_demand import OnDemand
from evenly.offload.schedulers.optimal import Optimal
from evenly.offload.schedulers.static_map import StaticMap
from evenly.papers.data import public
from evenly.papers.reproduce import Skipped

RATIOS = (0.25, 0.5, 0.75)
TOKENS = 100  # decoded of each part of the ablation
PROMPT = 128  # tokens of a prompt of the prefill runs
PUBLISHED_CODE = Costs(transfer=0.418e-3, device=0.5e-3)  # constants of the public code for Qwen2
SLOW_LINK = Costs(transfer=3e-3)
CASES = 60  # random layers of a regime and seed: 300 over five seeds
REGIMES = [(costs, kind) for costs in (Costs(), PUBLISHED_CODE, SLOW_LINK) for kind in ("decode", "batch", "prefill")]
ABLATION = ("static", "scheduling", "prefetch", "caching", "all")
OTHERS = ("no_prefetch", "patient", "layers", "offloading")
SWEPT = 60  # tokens decoded at each point of a sweep
CACHES: dict[str, Cache] = {
    "static": Fixed(),
    "lru": LeastRecent(),
    "lfu": LeastFrequent(),
    "decayed": DecayedFrequent(),
    "stale": LeastStale(),
    "mrs": MinusRecentScore(),
    "belady": Belady(),
}
MODELS = ("qwen2-57b-a14b", "deepseek-v2-lite", "mixtral-8x7b")
TRANSFERS = (0.3e-3, 0.9e-3, 3e-3)  # of the grid of the guard
CPUS = (0.1, 1.0, 10.0, 100.0)  # times as long as the scheduler takes the CPU to be
OLMOE = "https://github.com/allenai/OLMoE"


def parts() -> dict[str, OffloadScenario]:
    """Return the static map, what each part adds to it, all parts, and the other baselines."""
    none = OffloadScenario(scheduler=StaticMap(), prefetch=Nothing(), cache=Fixed())
    return {
        "static": none,
        "scheduling": replace(none, scheduler=Hybrid()),
        "prefetch": replace(none, prefetch=Impact()),
        "caching": replace(none, cache=MinusRecentScore()),
        "all": OffloadScenario(),
        "no_prefetch": OffloadScenario(prefetch=Nothing()),
        "patient": OffloadScenario(prefetch=PatientImpact()),
        "layers": replace(none, cache=WholeLayers()),
        "offloading": OffloadScenario(scheduler=OnDemand(), prefetch=Adaptive(), cache=LeastRecent()),
    }


@lru_cache(maxsize=4)  # tens of megabytes each
def _asked(scenario: OffloadScenario) -> Asked:
    return scenario.asked()


def _seconds(scenario: OffloadScenario, seed: int) -> float:
    """Return the mean seconds of a pass; variants with one workload share it."""
    plain = OffloadScenario(
        model=scenario.model, seed=seed, phase=scenario.phase, passes=scenario.passes, prompt=scenario.prompt
    )
    return replace(scenario, seed=seed).seconds(_asked(plain)) / scenario.passes


def decode(seed: int) -> dict[str, float]:
    """Return seconds of a token and gains over the static map, by part and share of the experts on the device."""
    figures: dict[str, float] = {}
    for ratio in RATIOS:
        names = ABLATION + (OTHERS if ratio == RATIOS[0] else ())
        found = {name: _seconds(replace(parts()[name], ratio=ratio, passes=TOKENS), seed) for name in names}
        figures |= {f"{name}_{ratio:g}": seconds for name, seconds in found.items()}
        figures |= {f"{name}_gain_{ratio:g}": found["static"] / seconds for name, seconds in found.items()}
    figures["gain"] = float(np.mean([figures[f"all_gain_{ratio:g}"] for ratio in RATIOS]))
    single = [figures[f"{name}_gain_0.25"] for name in ("scheduling", "prefetch", "caching")]
    figures["order"] = min(min(single) - 1.0, figures["all_gain_0.25"] - max(single))
    return figures


def prefill(seed: int) -> dict[str, float]:
    """Return seconds of a prompt and gains over the static map.

    `linear`: a token costs the CPU as much in a prompt as alone. `matched`: so much that the static map takes as long
    as was published.
    """
    figures: dict[str, float] = {}
    for name, costs in (("linear", Costs()), ("matched", matched())):
        for ratio in RATIOS:
            prompts = {part: _prompt(parts()[part], costs, ratio, seed) for part in ("static", "scheduling", "all")}
            figures |= {f"{name}_{part}_{ratio:g}": seconds for part, seconds in prompts.items()}
            for part in ("scheduling", "all"):
                figures[f"{name}_{part}_gain_{ratio:g}"] = prompts["static"] / prompts[part]
        figures[f"{name}_gain"] = float(np.mean([figures[f"{name}_all_gain_{ratio:g}"] for ratio in RATIOS]))
    return figures


def _prompt(part: OffloadScenario, costs: Costs, ratio: float, seed: int) -> float:
    return _seconds(replace(part, phase="prefill", prompt=PROMPT, passes=1, costs=costs, ratio=ratio), seed)


def matched(published: float = 1.47) -> Costs:
    """Return costs at which the static map takes the published seconds for a prompt at a ratio of 0.25.

    The CPU takes all that a layer lacks, so that its seconds are linear in those of a token.
    """
    layer = published / 28
    missing = PROMPT * 8 * 0.69  # visits of experts that a quarter, chosen by frequency, lacks
    return replace(Costs(), token=(layer - Costs().other - Costs().first) / missing)


def rates(seed: int) -> dict[str, float]:
    """Return the share of hits by model, share of the experts on the device, and cache; all that is missing comes."""
    figures: dict[str, float] = {}
    for model in MODELS:
        scenario = OffloadScenario(model=model, seed=seed)
        for ratio in RATIOS:
            found = _hits(scenario, _asked(scenario), ratio)
            figures |= {f"{model}_{ratio:g}_{name}": share for name, share in found.items()}
            over, under = found["mrs"] - found["lru"], found["belady"] - found["mrs"]
            figures[f"{model}_{ratio:g}_over_lru"] = over
            figures["over_lru"] = min(over, figures.get("over_lru", over))
            figures[f"{model}_under_belady"] = min(under, figures.get(f"{model}_under_belady", under))
    return figures


def counted(seed: int) -> dict[str, float]:
    """Return the same where experts are as popular as they were counted in OLMoE, a quarter of them on the device."""
    path = str(public("expert_counts.parquet", OLMOE))
    figures: dict[str, float] = {}
    for persistence in (0.0, 0.45):
        routing = Popular(path, model="OLMoE-1B-7B", persistence=persistence)
        scenario = OffloadScenario(model="olmoe-1b-7b", routing=routing, seed=seed)
        found = _hits(scenario, scenario.asked(), 0.25)
        figures |= {f"{persistence:g}_{name}": share for name, share in found.items()}
        figures[f"{persistence:g}_static_over_lru"] = found["static"] - found["lru"]
    return figures


def _hits(scenario: OffloadScenario, asked: Asked, ratio: float) -> dict[str, float]:
    frequency = scenario.frequency(asked)
    begun = residents(frequency, ratio, by_layers=False)
    served = asked.part(scenario.calibration, len(asked.loads))
    return {name: hits(served, scenario.shape.active, frequency, begun, cache) for name, cache in CACHES.items()}


def optimum(seed: int) -> dict[str, float]:
    """Return makespans over the optimum of all divisions: mean, 95th percentile and worst over nine regimes."""
    chance = np.random.default_rng([seed, 23])
    greedy, static, exact = [], [], []
    for costs, kind in REGIMES:
        for _ in range(CASES):
            loads, cached = laws.drawn(chance, kind)
            best = laws.optimum(loads, cached, costs)
            greedy.append(HybridScheduler().plan(loads, cached, costs).makespan / best)
            static.append((kind, HybridScheduler(StaticMap()).plan(loads, cached, costs).makespan / best))
            exact.append(HybridScheduler(Optimal()).plan(loads, cached, costs).makespan / best)
    by_kind = {kind: np.mean([ratio for of, ratio in static if of == kind]) for kind in ("decode", "batch", "prefill")}
    return {
        "mean": float(np.mean(greedy)),
        "p95": float(np.quantile(greedy, 0.95)),
        "worst": max(greedy),
        "exact": float(np.abs(np.array(exact) - 1.0).max()),
        **{f"static_{kind}": float(ratio) for kind, ratio in by_kind.items()},
    }


def properties(seed: int) -> dict[str, float]:
    """Return how many of random layers break each law of the plans."""
    chance = np.random.default_rng([seed, 29])
    broken = dict.fromkeys(("once", "possible", "bound", "order", "more", "no_link", "no_cpu"), 0)
    for costs, kind in REGIMES:
        for _ in range(CASES // 2):
            loads, cached = laws.drawn(chance, kind)
            plan = HybridScheduler().plan(loads, cached, costs)
            turned = chance.permutation(len(loads))
            again = HybridScheduler().plan(loads[turned], cached[turned], costs)
            better = cached | (chance.random(len(cached)) < 0.3)
            far, slow = laws.endless_link(costs), laws.endless_cpu(costs)
            device_only = HybridScheduler(OnDemand()).plan(loads, cached, slow).makespan
            exact = [HybridScheduler(Optimal()).plan(loads, here, costs).makespan for here in (cached, better)]
            held = {
                "once": laws.once(plan, loads),
                "possible": laws.possible(plan, loads, cached, costs),
                "bound": plan.makespan <= laws.bound(loads, cached, costs) + laws.SLACK,
                "order": abs(plan.makespan - again.makespan) <= laws.SLACK,
                "more": exact[1] <= exact[0] + laws.SLACK,
                "no_link": _same(
                    HybridScheduler().plan(loads, cached, far).makespan, laws.without_link(loads, cached, far)
                ),
                "no_cpu": _same(HybridScheduler().plan(loads, cached, slow).makespan, device_only),
            }
            for name, kept in held.items():
                broken[name] += not kept
    return {name: float(count) for name, count in broken.items()}


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= laws.SLACK


def guarded(seed: int) -> dict[str, float]:
    """Return how much slower than the better of two set-ups the guarded one is at worst, and each of them alone.

    Over links of several speeds, and CPUs that take many times as long as the scheduler believes.
    """
    ratios: dict[str, list[float]] = {"guard": [], "hybrid": [], "offloading": []}
    asked = OffloadScenario(seed=seed, passes=25, calibration=25).asked()
    for transfer in TRANSFERS:
        for times in CPUS:
            believed = Costs(transfer=transfer)
            costs = replace(believed, first=times * believed.first, token=times * believed.token)
            scenario = OffloadScenario(costs=costs, believed=believed, seed=seed, passes=25, calibration=25)
            serving = replace(scenario, guard=True).serving(asked)
            taken = [s.seconds(asked) for s in (serving, scenario, offloading(scenario))]
            better = min(taken[1:])
            for name, seconds in zip(ratios, taken, strict=True):
                ratios[name].append(seconds / better)
    return {name: max(found) for name, found in ratios.items()}


def computed(seed: int) -> dict[str, float]:
    """Return what expert networks show that really compute, in two processes and over a link; see `measure` there."""
    from evenly.hosts.experts.measure import measure

    if importlib.util.find_spec("torch") is None:
        raise Skipped("expert networks compute in torch, which is not installed: pip install 'evenly[torch]'")
    figures = measure(seed)
    if np.isnan(figures["hybrid_gain"]):
        raise Skipped(f"two threads get {figures['cores']:.2f} cores here: times of two sides cannot be measured")
    return figures


def memory() -> dict[str, float]:
    """Return gigabytes of experts on both sides at a ratio of 0.25, and what the device's take more."""
    figures: dict[str, float] = {}
    for name in ("static", "all", "offloading"):
        found = replace(parts()[name], passes=SWEPT).run().metrics
        figures |= {f"{name}_device": found["device_memory"], f"{name}_host": found["host_memory"]}
    figures["extra"] = 100.0 * (figures["all_device"] / figures["static_device"] - 1.0)
    return figures


def constants(seed: int) -> dict[str, float]:
    """Return the gain of all parts over the static map, by seconds of a transfer and of the CPU for a token, in ms."""
    figures: dict[str, float] = {}
    for transfer in (0.3, 0.9, 3.0):
        for token in (0.2, 0.8, 2.4):
            costs = Costs(transfer=1e-3 * transfer, token=1e-3 * token)
            figures[f"{transfer:g}_{token:g}"] = _gain(costs, seed)
    figures["code"] = _gain(PUBLISHED_CODE, seed)
    return figures


def predictions(seed: int) -> dict[str, float]:
    """Return gains over the static map by the error of predicted logits, with prefetch and without."""
    figures: dict[str, float] = {}
    for error in (0.5, 1.0, 2.0):
        asked = OffloadScenario(routing=Autoregressive(error=error), seed=seed, passes=SWEPT).asked()
        taken = {name: parts()[name].seconds(asked) for name in ("static", "all", "patient", "no_prefetch")}
        figures |= {f"{name}_{error:g}": taken["static"] / seconds for name, seconds in taken.items()}
    return figures


def _gain(costs: Costs, seed: int) -> float:
    static, best = (_seconds(replace(parts()[name], costs=costs, passes=SWEPT), seed) for name in ("static", "all"))
    return static / best
