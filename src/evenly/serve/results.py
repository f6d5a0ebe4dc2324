"""From what the serving kernel left behind to an outcome: figures, requests, timeline, load, facts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Array, Floats, Load, Outcome
from evenly.core.document import told, unstructure
from evenly.hardware.memory import memory_facts
from evenly.measure.imbalance import idle_share, peak_over_mean
from evenly.measure.slo import Slo, attainment, goodput, tpot
from evenly.serve import fleets, users

if TYPE_CHECKING:
    from evenly.serve.scenario import Fleet, ServeScenario

GAP_POINTS = 401  # points of the quantile curve of token gaps


def outcome(scenario: "ServeScenario", fleet: "Fleet", run: Any) -> Outcome:
    """Return the outcome of a run of `scenario`."""
    items = columns(run.requests)
    load = _load(run, makespan(items))
    facts = _facts(scenario, fleet, run)
    metrics = latencies(items) | job_figures(items) | rates(scenario.slo, items)
    metrics |= _gaps(run) | _sharing(run, items, load) | users.figures(items) | _switching(scenario, fleet, run)
    metrics |= fleets.figures(run, items)
    joules, power_facts = _energy(scenario, fleet, run, items)
    metrics["energy"] = joules
    series = {"timeline": _timeline(run, items, load), "gaps": _gap_curve(run)} | _copies(run) | fleets.series(run)
    if fleet.rules.lanes != "single" and len(run.log):
        series["passes"] = _passes(run.log)
    return Outcome(scenario.name, metrics, load, items, series, facts | power_facts)


def columns(requests: Array) -> dict[str, Array]:
    """Return the per-request columns of the kernel's records; times in seconds, NaN where a request never got there."""
    names = ("arrival", "start", "first_token", "finish", "prompt", "output", "cached", "preemptions", "replica")
    items = {name: np.ascontiguousarray(requests[name]) for name in (*names, "user", "session", "worst_gap")}
    items["program"] = _programs(requests)
    items["tpot"] = tpot(items["first_token"], items["finish"], items["output"])
    return items


def _programs(requests: Array) -> Array:
    """Return the first request of each request's program: of those that wait for one another, or of its session."""
    own = np.arange(len(requests))
    first = np.where(requests["parent"] >= 0, requests["parent"], own)
    while not np.array_equal(first, first[first]):
        first = first[first]
    known = np.flatnonzero(requests["session"] >= 0)
    if len(known):
        _, lead, code = np.unique(requests["session"][known], return_index=True, return_inverse=True)
        first[known] = known[lead][code]
    return np.asarray(first)


def job_figures(items: Mapping[str, Array]) -> dict[str, float]:
    """Return mean and tail of the seconds from a program's first arrival to its last token.

    A program that was not answered to its end does not count.

    >>> job_figures({"program": np.array([0, 0]), "arrival": np.array([1.0, 3.0]), "finish": np.array([2.0, 6.0])})
    {'job_mean': 5.0, 'job_p95': 5.0}
    """
    program = items["program"]
    begin, end = np.full(len(program), np.inf), np.zeros(len(program))
    np.minimum.at(begin, program, items["arrival"])
    np.maximum.at(end, program, np.nan_to_num(items["finish"], nan=np.inf))
    seconds = (end - begin)[np.isfinite(begin) & np.isfinite(end)]
    tail = float(np.quantile(seconds, 0.95)) if len(seconds) else float("nan")
    return {"job_mean": _mean(seconds), "job_p95": tail}


def makespan(items: Mapping[str, Array]) -> float:
    """Return the seconds from the first arrival to the last token; NaN if nothing was answered."""
    if len(items["arrival"]) == 0 or np.isnan(items["finish"]).all():
        return float("nan")
    return float(np.nanmax(items["finish"]) - items["arrival"].min())


def latencies(items: Mapping[str, Array]) -> dict[str, float]:
    """Return the figures of TTFT, TPOT and end-to-end time, in seconds; NaN where nothing was answered."""
    done = ~np.isnan(items["finish"])
    ttft = (items["first_token"] - items["arrival"])[done]
    e2e = (items["finish"] - items["arrival"])[done]
    figures = {"tpot_mean": _mean(items["tpot"][done & (items["output"] > 1)])}
    for name, times in (("ttft", ttft), ("e2e", e2e)):
        middle, tail = np.quantile(times, (0.5, 0.99)) if len(times) else (np.nan, np.nan)
        figures |= {f"{name}_mean": _mean(times), f"{name}_p50": float(middle), f"{name}_p99": float(tail)}
    return figures


def _gaps(run: Any) -> dict[str, float]:
    middle, tail = gap_quantiles(run, np.array([0.5, 0.99]))
    return {"tbt_p50": float(middle), "tbt_p99": float(tail)}


def gap_quantiles(run: Any, shares: Floats) -> Floats:
    """Return quantiles of the gaps between tokens, over all gaps of all requests, within 0.1% of their value."""
    from evenly.kernel.serving.simulation import gap_edges

    total = np.cumsum(run.gaps)
    if len(total) == 0 or total[-1] == 0:
        return np.full(len(shares), np.nan)
    place = np.searchsorted(total, np.maximum(shares * total[-1], 1))
    edges = gap_edges()
    upper = np.append(edges[1:], edges[-1])
    middle = np.sqrt(np.maximum(edges, edges[1] / 2) * np.maximum(upper, edges[1]))
    return np.asarray(middle[np.minimum(place, len(edges) - 1)])


def rates(slo: Slo, items: Mapping[str, Array]) -> dict[str, float]:
    """Return what was served, in all and within the limits, as shares and a second of the makespan."""
    seconds = makespan(items)
    done = ~np.isnan(items["finish"])
    met = slo.met(
        ttft=items["first_token"] - items["arrival"],
        e2e=items["finish"] - items["arrival"],
        output=items["output"],
        worst_gap=items["worst_gap"],
    )
    per_second = 1.0 / seconds if seconds > 0 else float("nan")
    return {
        "goodput": goodput(met, seconds),
        "slo_share": attainment(met),
        "throughput": float(done.sum()) * per_second,
        "token_rate": float(items["output"][done].sum()) * per_second,
        "makespan": seconds,
        "rejected": float(np.mean(~done)) if len(done) else float("nan"),
    }


def _sharing(run: Any, items: dict[str, Array], load: Load) -> dict[str, float]:
    computed = float(run.pools["computed"].sum())
    sent = float(items["prompt"][items["replica"] >= 0].sum())
    count = len(items["arrival"])
    return {
        "imbalance": peak_over_mean(load),
        "idle_share": idle_share(load),
        "preemptions": float(items["preemptions"].sum()) / count if count else float("nan"),
        "recompute_share": float(run.pools["recomputed"].sum()) / computed if computed else float("nan"),
        "cache_share": float(items["cached"].sum()) / sent if sent else float("nan"),
        "kv_peak": 1.0 - float(run.pools["least_free"].min()) / run.blocks,
    }


def _switching(scenario: "ServeScenario", fleet: "Fleet", run: Any) -> dict[str, float]:
    """Return what the switching of seats moved and cost; nothing where seats stay."""
    if fleet.rules.switching is None:
        return {}
    tiers, busy = run.tiers, float(run.pools["busy"].sum())
    pages = float((tiers["pages_out"] + tiers["pages_in"]).sum())
    pieces = float(tiers["runs"].sum())
    page = fleet.rules.block * fleet.model.kv_bytes_on(scenario.tensor)
    return {
        "switch_bytes": pages * page * scenario.tensor / 1e9,
        "switch_stall": float(tiers["stall"].sum()) / busy if busy else float("nan"),
        "switch_run": pages / pieces if pieces else float("nan"),
    }


def _copies(run: Any) -> dict[str, dict[str, Array]]:
    """Return the first copies between device and host as columns; nothing if there were none."""
    if not len(run.copies):
        return {}
    names = ("replica", "request", "back", "start", "end", "pages", "pieces")
    whole = dict(zip(names, run.copies.T, strict=True))
    return {
        "copies": {name: whole[name] if name in ("start", "end") else whole[name].astype(np.int64) for name in names}
    }


def _load(run: Any, makespan: float) -> Load:
    from evenly.kernel.serving import tally

    busy = run.bins[tally.BUSY]
    last = float(np.nanmax(run.requests["finish"], initial=0.0)) if makespan > 0 else 0.0
    steps = max(1, min(len(busy), int(np.ceil(last / run.width))))
    span = np.full(steps, run.width)
    if last > 0:
        span[-1] = last - (steps - 1) * run.width
    return Load(np.minimum(busy[:steps], span[:, None]), span, unit="busy seconds", worker="replica")


def _timeline(run: Any, items: dict[str, Array], load: Load) -> dict[str, Array]:
    """Return the state of the fleet by time bin: waiting and running at the end of each bin, the rest as means."""
    from evenly.kernel.serving import tally

    steps, replicas = load.work.shape
    assert load.span is not None

    room = load.span * replicas
    known = items["replica"] >= 0
    never = known & np.isnan(items["start"])  # rejected: they never wait
    arrival = np.where(never | ~known, np.nan, items["arrival"])
    running = level(items["start"], items["finish"], run.width, steps)
    return {
        "time": (np.arange(steps) + 1) * run.width,
        "waiting": level(arrival, items["start"], run.width, steps),
        "running": running,
        "kv": run.bins[tally.KV, :steps].sum(axis=1) / np.maximum(load.work.sum(axis=1), 1e-300),
        "busy": load.work.sum(axis=1) / room,
        "batch": running / replicas,
        "tokens": run.bins[tally.TOKENS, :steps].sum(axis=1) / load.span,
    } | fleets.over_time(run, steps)


def level(begin: Floats, end: Floats, width: float, steps: int) -> Floats:
    """Return how many are between `begin` and `end` at the end of each bin of `width` seconds; NaN is never.

    >>> level(np.array([0.0, 1.5]), np.array([2.5, np.nan]), width=1.0, steps=3)
    array([1., 2., 1.])
    """
    change = np.zeros(steps + 1)
    for times, sign in ((begin, 1.0), (end, -1.0)):
        at = np.minimum(times[~np.isnan(times)] // width, steps).astype(np.int64)
        change += sign * np.bincount(at, minlength=steps + 1)
    return np.cumsum(change)[:steps]


def _gap_curve(run: Any) -> dict[str, Array]:
    shares = np.linspace(0.0, 1.0, GAP_POINTS)
    return {"q": shares, "seconds": gap_quantiles(run, shares)}


def _passes(log: Floats) -> dict[str, Array]:
    """Return the stretches of equal passes of both lanes, in order of their begin, with who was in them."""
    log = log[np.argsort(log[:, 1], kind="stable")]
    prompts = log[:, 6] > 0
    counts = np.where(prompts, log[:, 6], log[:, 4]).astype(np.int64)
    return {
        "time": log[:, 1],
        "end": log[:, 2],
        "replica": log[:, 0].astype(np.int64),
        "lane": np.where(prompts, "prompts", "decodes").astype(object),
        "passes": log[:, 3].astype(np.int64),
        "requests": counts,
        "tokens": np.where(prompts, log[:, 5], counts * log[:, 3]).astype(np.int64),
    }


def _energy(
    scenario: "ServeScenario", fleet: "Fleet", run: Any, items: dict[str, Array]
) -> tuple[float, dict[str, str | int | float]]:
    from evenly.hardware.power import joules, power_facts

    done = ~np.isnan(items["finish"])
    tokens = float(items["output"][done].sum())
    seconds = makespan(items)
    if not tokens:
        return float("nan"), {}
    devices = 2 if fleet.rules.lanes == "apart" else 1
    busy = float(run.pools["busy"].sum()) * devices
    computed = float(run.pools["computed"].sum())
    total = joules(
        fleet.device,
        busy=busy * scenario.tensor,
        idle=max(0.0, fleets.seconds(run, scenario.replicas, seconds) * devices - busy) * scenario.tensor,
        flops=2.0 * fleet.model.active_parameters * computed,
    )
    return total / tokens, power_facts(fleet.device)


def _facts(scenario: "ServeScenario", fleet: "Fleet", run: Any) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {
        "model": scenario.model,
        "device": scenario.device,
        "tensor": scenario.tensor,
        "replicas": scenario.replicas,
        "kv_tokens": fleet.kv_tokens,
        "kv_blocks": run.blocks,
        "block": fleet.rules.block,
        "max_model_len": fleet.longest,
        "slo": str(scenario.slo),
        "slowdown": scenario.slowdown,
        "seed": scenario.seed,
    }
    for slot in ("trace", "engine", "route", "order", "budget", "admit", "evict", "retain", "cost"):
        chosen = getattr(scenario, slot)
        if chosen is not None:
            facts[slot] = told(unstructure(chosen), type(chosen).__name__)
    if scenario.kv_tokens is None:
        facts |= memory_facts()
    facts |= _lane_facts(scenario, fleet, run) | _host_facts(scenario, run) | fleets.facts(scenario, fleet, run)
    return facts | {f"cost: {name}": value for name, value in scenario.cost.facts().items()}


def _host_facts(scenario: "ServeScenario", run: Any) -> dict[str, str | int | float]:
    if scenario.host_cache is None:
        return {}
    return {
        "host_cache": told(unstructure(scenario.host_cache), "host"),
        "blocks copied to the host": int(run.pools["saved"].sum()),
        "blocks copied back": int(run.pools["loaded"].sum()),
    }


def _lane_facts(scenario: "ServeScenario", fleet: "Fleet", run: Any) -> dict[str, str | int | float]:
    """Return what is particular to host work and to lanes; `host share` is the part of all passes that it takes."""
    facts: dict[str, str | int | float] = {}
    if scenario.host_overhead > 0:
        facts["host_overhead"] = scenario.host_overhead
    if fleet.rules.lanes == "shared":
        facts["shares"] = told(unstructure(scenario.divided), type(scenario.divided).__name__)
        facts["changes of shares"] = len(run.shares) - scenario.replicas
    elif fleet.rules.lanes == "apart":
        facts["devices of a replica"] = 2 * scenario.tensor
        facts["kv peak of the prompts' device"] = 1.0 - float(run.lanes["side_least"].min()) / run.blocks
        room = float(run.lanes["counted"].sum()) * run.blocks
        for side, used in (("prompts", "side_used"), ("decodes", "used")):
            facts[f"kv mean of the {side}' device"] = float(run.lanes[used].sum()) / room if room else 0.0
    elif fleet.rules.switching is not None:
        tiers = run.tiers
        facts["copies to the host"] = int(tiers["outs"].sum())
        facts["copies back"] = int(tiers["ins"].sum())
        facts["pieces copied"] = int(2 * fleet.model.layers * tiers["runs"].sum())
        facts["host pages"] = int(tiers["pages"].sum())
    elif scenario.host_overhead > 0 and run.pools["busy"].sum() > 0:
        facts["host share"] = scenario.host_overhead * float(run.pools["steps"].sum() / run.pools["busy"].sum())
    return facts


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
