"""From what the kernel left behind to the outcome of a plan."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Array, Floats, Load, Outcome
from evenly.core.document import told, unstructure
from evenly.hardware.collectives import reduce_source
from evenly.hardware.device import device
from evenly.hardware.power import joules, power_facts
from evenly.measure.imbalance import peak_over_mean
from evenly.plan.spent import END, ROWS, Spent, moved, spent, workers
from evenly.serve.results import columns, latencies, level, makespan, rates

if TYPE_CHECKING:
    from evenly.plan.scenario import Crew, PlanScenario

BINS = 400  # of the timeline
HOUR = 3600.0


def outcome(scenario: "PlanScenario", crew: "Crew", run: Any) -> Outcome:
    """Return the outcome of a run of `scenario`."""
    return examined(scenario, crew, run)[0]


def examined(scenario: "PlanScenario", crew: "Crew", run: Any) -> tuple[Outcome, Spent]:
    """Return the outcome of a run of `scenario`, and where the time of its devices went."""
    items = seen_by_clients(columns(run.requests), scenario.cost.first_token)
    seconds = makespan(items)
    edges = np.linspace(0.0, np.nanmax(items["finish"], initial=1e-9), BINS + 1)
    work = np.minimum(workers(run.log, scenario.layout, edges), np.diff(edges)[:, None])
    load = Load(work, np.diff(edges), unit="busy seconds", worker="rank")
    part = _seen(run.log, items, seconds)
    where = spent(run.log, crew.tables, scenario.layout, seconds * part if seconds > 0 else 0.0).times(1 / part)
    tokens = float(items["output"][~np.isnan(items["finish"])].sum()) or float("nan")
    metrics = figures(scenario, items, run, where) | {
        "imbalance": peak_over_mean(load),
        "energy": energy(scenario, crew, run, where, part) / tokens,
        "cost": 1e6 * scenario.price * where.total / HOUR / tokens,
    }
    series = {"timeline": _timeline(items, load)}
    return Outcome(scenario.name, metrics, load, items, series, _facts(scenario, crew)), where


def seen_by_clients(items: dict[str, Array], first_token: float) -> dict[str, Array]:
    """Return the columns with every token later by what a request spends outside the engine."""
    return items | {name: items[name] + first_token for name in ("first_token", "finish")}


def figures(scenario: "PlanScenario", items: dict[str, Array], run: Any, where: Spent) -> dict[str, float]:
    """Return all figures but those of energy, cost and load."""
    done = ~np.isnan(items["finish"])
    tpot = items["tpot"][done & (items["output"] > 1)]
    wait = (items["start"] - items["arrival"])[done]
    shares = {
        "compute_share": where.compute,
        "memory_share": where.memory,
        "collective_share": where.collectives,
        "host_share": where.host,
        "wait_share": where.waiting,
        "idle_share": where.idle,
    }
    whole = where.total or float("nan")
    kept = latencies(items) | rates(scenario.slo, items)
    return {
        "devices": float(scenario.layout.devices),
        **{name: kept[name] for name in kept if name not in ("ttft_p50", "e2e_p50")},
        "tpot_p99": float(np.quantile(tpot, 0.99)) if len(tpot) else float("nan"),
        "queue_mean": float(wait.mean()) if len(wait) else float("nan"),
        **{name: seconds / whole for name, seconds in shares.items()},
        "preemptions": float(items["preemptions"].mean()),
        "kv_peak": 1.0 - float(run.pools["least_free"].min()) / run.blocks,
    }


def energy(scenario: "PlanScenario", crew: "Crew", run: Any, where: Spent, part: float = 1.0) -> float:
    """Return the joules of all devices; the log covers `part` of the run."""
    full = device(scenario.device)
    computed = float(run.pools["computed"].sum())
    flops = 2.0 * (crew.model.active_parameters - crew.model.vocabulary * crew.model.hidden) * computed
    read = moved(run.log, crew.tables, scenario.layout, full.bandwidth * scenario.cost.memory) / part
    return joules(full, where.busy, where.waiting + where.idle, flops, read, clock=scenario.clock)


def _seen(log: Floats, items: dict[str, Array], seconds: float) -> float:
    """Return the part of the run that the log covers: all of it, unless it is full."""
    if len(log) < ROWS or not seconds > 0:
        return 1.0
    return min(1.0, max(1e-9, float(log[:, END].max() - items["arrival"].min()) / seconds))


def _timeline(items: dict[str, Array], load: Load) -> dict[str, Array]:
    assert load.span is not None
    steps, width = len(load.span), float(load.span[0])
    waits = np.where(np.isnan(items["start"]), np.nan, items["arrival"])
    return {
        "time": (np.arange(steps) + 1) * width,
        "waiting": level(waits, items["start"], width, steps),
        "running": level(items["start"], items["finish"], width, steps),
        "busy": np.asarray(load.work.mean(axis=1) / load.span),
    }


def _facts(scenario: "PlanScenario", crew: "Crew") -> dict[str, str | int | float]:
    layout = scenario.layout
    facts: dict[str, str | int | float] = {
        "model": scenario.model,
        "device": f"{layout.devices} x {scenario.device}",
        "layout": layout.title,
        "kv_tokens of an engine": crew.kv_tokens,
        "engines": layout.members,
        "max_model_len": crew.longest,
        "slo": str(scenario.slo),
        "clock": scenario.clock,
        "memory share": scenario.utilisation,
        "activation bytes": scenario.activation,
        "all-reduces": reduce_source(crew.device, min(layout.tensor, scenario.node)),
        "seed": scenario.seed,
    }
    for slot in ("trace", "engine", "route"):
        chosen = getattr(scenario, slot)
        facts[slot] = told(unstructure(chosen), type(chosen).__name__)
    return facts | {f"cost: {name}": value for name, value in scenario.cost.facts().items()} | power_facts(crew.device)
