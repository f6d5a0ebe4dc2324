"""What a run of functions comes to: figures, calls that waited, pods over time, load by function."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.causes import explain
from evenly.cluster.functions.published import PARTS
from evenly.core import Array, Floats, Load, Outcome
from evenly.core.document import told, unstructure

if TYPE_CHECKING:
    from evenly.cluster.functions.scenario import FunctionsScenario
    from evenly.kernel.functions.simulation import Run

BINS = 96  # of the workload's time
HOUR = 3600.0


def outcome(scenario: "FunctionsScenario", calls: Calls, run: "Run") -> Outcome:
    """Return the outcome of a run."""
    foresees = bool(getattr(type(scenario.keep), "foresees", False))
    facts: dict[str, str | int | float] = {
        "calls": calls.origin,
        "functions": len(calls.functions),
        "keep": _named(scenario.keep),
        "delay": _named(scenario.delay, "none"),
        "pool": _named(scenario.pool, "allocations as measured"),
        "route": _named(scenario.route, "where the call comes"),
        "chain": _named(scenario.chain, "none"),
        "calls on a pod at once": scenario.concurrency,
        "slowdown by each other call on the pod": scenario.lengthening(calls),
        "worth of a cold start, seconds of an idle pod": scenario.worth,
        "seed": scenario.seed,
    }
    return Outcome(
        scenario.name,
        figures(calls, run, scenario.worth, foresees),
        load(calls, run),
        items(calls, run),
        {"pods": over_time(calls, run, foresees)},
        facts,
    )


def figures(calls: Calls, run: "Run", worth: float = 60.0, foresees: bool = False) -> dict[str, float]:
    """Return the metrics of a run by name; NaN where there are no calls."""
    added = waits(calls, run)
    cold = int(np.isfinite(run.calls["began"]).sum())
    start, busy, idle = lives(run, foresees)
    pooled = float(run.pools["seconds"].sum())
    waited = float(idle.sum())
    whole = float(start.sum() + busy.sum()) + waited
    known = run.pods["died"] > run.pods["born"]
    last = run.pods["died"] - run.pods["since"]
    ready = (busy + run.pods["idle"])[known] / np.maximum(start[known], 1e-9)
    synchronous = ~calls.functions.asynchronous[calls.function]
    assert np.all(last >= 0)
    return {
        "cold_starts": float(cold),
        "pod_hours": (whole + pooled) / HOUR,
        "cold_share": cold / len(calls) if len(calls) else float("nan"),
        "idle_share": waited / whole if whole > 0 else float("nan"),
        "cost": (whole - float(busy.sum()) + pooled + worth * cold) / HOUR,
        "added_mean": float(added.mean()) if len(added) else float("nan"),
        "added_p50": _quantile(added, 0.5),
        "added_p99": _quantile(added, 0.99),
        "sync_p99": _quantile(added[synchronous], 0.99),
        "pods": float(len(run.pods)),
        "utility_p50": _quantile(ready, 0.5) + 1.0,
        "utility_ready": _quantile(ready, 0.5),
        "useless": float((ready < 1).mean()) if len(ready) else float("nan"),
        "pool_hours": pooled / HOUR,
        "throughput": len(calls) / calls.span,
    }


def _named(plugin: object, none: str = "") -> str:
    return none if plugin is None else told(unstructure(plugin), type(plugin).__name__)


def waits(calls: Calls, run: "Run") -> Floats:
    """Return the seconds from the arrival of each call to its run, with the way to another region and back."""
    here, there = run.calls["function"] % calls.regions, run.calls["site"] % calls.regions
    return np.asarray(run.calls["start"] - run.calls["arrival"] + calls.latency[here, there])


def lives(run: "Run", foresees: bool = False) -> tuple[Floats, Floats, Floats]:
    """Return the seconds that each pod started, ran and was idle; their sum is its lifetime.

    With `foresees`, a last wait that no call ended is left out: who knows the future has none.
    """
    pods = run.pods
    last = np.zeros(len(pods)) if foresees else pods["died"] - pods["since"]
    return pods["ready"] - pods["born"], pods["busy"], pods["idle"] + last


def items(calls: Calls, run: "Run") -> dict[str, Array]:
    """Return the columns of all calls that did not find a pod where they came, in order; times in seconds.

    Parts of a cold start are NaN where the call waited for a pod without starting it.
    """
    added = waits(calls, run)
    chosen = np.flatnonzero((added != 0) | np.isfinite(run.calls["began"]))
    some = run.calls[chosen]
    site, functions = some["site"], calls.functions
    parts = calls.parts.reshape(len(calls), calls.regions, len(PARTS))[chosen, site % calls.regions]
    parts[:, 0] = some["allocation"]
    parts[np.isnan(some["allocation"])] = np.nan
    cause, reason = explain(calls, run, chosen)
    return {
        "call": chosen,
        "arrival": some["arrival"],
        "start": some["start"],
        "added": added[chosen],
        "cold": np.isfinite(some["began"]),
        "cause": cause,
        "reason": reason,
        "seconds": some["end"] - some["start"],
        "function": site,
        "pod": some["pod"],
        "runtime": np.array(functions.runtimes, object)[functions.runtime[site]],
        "trigger": np.array(functions.triggers, object)[functions.trigger[site]],
        "size": np.array(functions.sizes, object)[functions.size[site]],
        **{name: parts[:, k] for k, name in enumerate(PARTS)},
    }


def over_time(calls: Calls, run: "Run", foresees: bool = False) -> dict[str, Array]:
    """Return how many pods are there and how many calls they run, in the mean of each bin."""
    edges = np.linspace(0.0, calls.span, BINS + 1)
    start, busy, idle = lives(run, foresees)
    born = run.pods["born"]
    width = calls.span / BINS
    begun = run.calls["start"]
    return {
        "time": edges[:-1] + width / 2,
        "pods": _inside(edges, born, born + start + busy + idle) / width,
        "busy": _inside(edges, begun, run.calls["end"]) / width,
    }


def load(calls: Calls, run: "Run") -> Load:
    """Return the seconds that calls of each function ran, by bin of time."""
    width = calls.span / BINS
    begin, ends, site = run.calls["start"], run.calls["end"], run.calls["site"]
    first = np.minimum((begin // width).astype(np.int64), BINS - 1)
    last = np.minimum((ends // width).astype(np.int64), BINS - 1)
    pieces = last - first + 1
    owner = np.repeat(np.arange(len(begin)), pieces)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + first[owner]
    end = np.where(place == BINS - 1, np.inf, (place + 1) * width)  # what runs on after the end counts there
    inside = np.minimum(ends[owner], end) - np.maximum(begin[owner], np.where(place == 0, 0, place * width))
    cell = place * len(calls.functions) + site[owner]
    work = np.bincount(cell, np.maximum(inside, 0.0), BINS * len(calls.functions))
    return Load(work.reshape(BINS, -1).astype(np.float64), worker="function")


def _inside(edges: Floats, begin: Floats, end: Floats) -> Floats:
    """Return the time of all spans that lies in each bin."""

    def until(times: Floats) -> Floats:
        """Return for each edge the sum of edge - time over the times before it."""
        ranked = np.sort(times)
        sums = np.concatenate(([0.0], np.cumsum(ranked)))
        count = np.searchsorted(ranked, edges)
        return np.asarray(edges * count - sums[count])

    return np.diff(until(begin) - until(end))


def _quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
