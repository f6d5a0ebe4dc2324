"""From what the kernel left behind to the outcome of a plan."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Array, Floats, Load, Outcome
from evenly.core.document import told, unstructure
from evenly.hardware.collectives import reduce_source
from evenly.hardware.device import device
from evenly.hardware.power import joules, power_facts
from evenly.measure.imbalance import peak_over_mean
from evenly.plan.spent import END, ROWS, Spent, moved, spent, total, workers
from evenly.serve.results import latencies, level, makespan, rates

if TYPE_CHECKING:
    from evenly.plan.groups import Group, Served
    from evenly.plan.scenario import PlanScenario

BINS = 400  # of the timeline
HOUR = 3600.0


def examined(scenario: "PlanScenario", served: "Served") -> tuple[Outcome, tuple[Spent, ...]]:
    """Return the outcome of a scenario whose devices served a trace, and where the time of each group of them went."""
    items = seen_by_clients(served.items, scenario.cost.first_token)
    seconds = makespan(items)
    edges = np.linspace(0.0, np.nanmax(items["finish"], initial=1e-9), BINS + 1)
    work = np.hstack([workers(group.run.log, group.scenario.layout, edges) for group in served.groups])
    load = Load(np.minimum(work, np.diff(edges)[:, None]), np.diff(edges), unit="busy seconds", worker="rank")
    times, joules, price = [], 0.0, 0.0
    for group in served.groups:
        part = _seen(group.run.log, items, seconds)
        layout, tables = group.scenario.layout, group.crew.tables
        spent_here = spent(group.run.log, tables, layout, seconds * part if seconds > 0 else 0.0).times(1 / part)
        joules += energy(group, spent_here, part)
        price += group.scenario.price * spent_here.total / HOUR
        times.append(spent_here)
    where = total(times)
    tokens = float(items["output"][~np.isnan(items["finish"])].sum()) or float("nan")
    metrics = figures(scenario, items, served, where) | {
        "imbalance": peak_over_mean(load),
        "energy": joules / tokens,
        "cost": 1e6 * price / tokens,
    }
    series = {"timeline": _timeline(items, load)}
    return Outcome(scenario.name, metrics, load, items, series, _facts(scenario, served)), tuple(times)


def seen_by_clients(items: dict[str, Array], first_token: float) -> dict[str, Array]:
    """Return the columns with every token later by what a request spends outside the engine."""
    return items | {name: items[name] + first_token for name in ("first_token", "finish")}


def figures(scenario: "PlanScenario", items: dict[str, Array], served: "Served", where: Spent) -> dict[str, float]:
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
        "devices": float(scenario.devices),
        **{name: kept[name] for name in kept if name not in ("ttft_p50", "e2e_p50")},
        "tpot_p99": float(np.quantile(tpot, 0.99)) if len(tpot) else float("nan"),
        "queue_mean": float(wait.mean()) if len(wait) else float("nan"),
        **{name: seconds / whole for name, seconds in shares.items()},
        "preemptions": float(items["preemptions"].mean()),
        "kv_peak": max(group.kv_peak for group in served.groups),
        "handover_mean": served.handover,
    }


def energy(group: "Group", where: Spent, part: float = 1.0) -> float:
    """Return the joules of all devices of a group; the log covers `part` of the run."""
    scenario, crew = group.scenario, group.crew
    full = device(scenario.device)
    computed = float(group.run.pools["computed"].sum())
    flops = 2.0 * (crew.model.active_parameters - crew.model.vocabulary * crew.model.hidden) * computed
    read = moved(group.run.log, crew.tables, scenario.layout, full.bandwidth * scenario.cost.memory) / part
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


def _facts(scenario: "PlanScenario", served: "Served") -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {
        "model": scenario.model,
        "device": " + ".join(f"{part.devices} x {part.device}" for part in scenario.parts),
        "layout": scenario.title,
    }
    for group in served.groups:
        of = f" ({group.name})" if group.name else ""
        facts |= {
            f"kv_tokens of an engine{of}": group.crew.kv_tokens,
            f"engines{of}": group.scenario.layout.members,
            f"max_model_len{of}": group.crew.longest,
            f"all-reduces{of}": reduce_source(group.crew.device, min(group.scenario.tensor, scenario.node)),
        }
    facts |= {
        "slo": str(scenario.slo),
        "clock": scenario.clock,
        "memory share": scenario.utilisation,
        "activation bytes": scenario.activation,
        "seed": scenario.seed,
    }
    for slot in ("trace", "engine", "route", "order"):
        chosen = getattr(scenario, slot)
        facts[slot] = told(unstructure(chosen), type(chosen).__name__)
    return facts | scenario.assumed() | power_facts(served.groups[0].crew.device)
