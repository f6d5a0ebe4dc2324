"""Outcomes and traces that look like real ones, for tests of pages and charts."""

from dataclasses import replace

import numpy as np

from evenly.core import Array, Load, Outcome, Trace
from evenly.measure.slo import tpot

HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">'&"


def outcome(label: str = "first-come", seed: int = 1, requests: int = 400, slow: float = 1.0) -> Outcome:
    """Return an outcome with log-normal latencies of `requests` requests, `slow` times as long."""
    chance = np.random.default_rng(seed)
    arrival = np.cumsum(chance.exponential(0.1, requests))
    start = arrival + slow * chance.lognormal(-3.0, 1.0, requests)
    first = start + slow * 0.05
    output = chance.integers(1, 300, requests)
    finish = first + 0.02 * slow * (output - 1)
    items = {
        "arrival": arrival,
        "start": start,
        "first_token": first,
        "finish": finish,
        "prompt": chance.integers(10, 2000, requests),
        "output": output,
        "cached": np.zeros(requests, np.int64),
        "preemptions": np.zeros(requests, np.int64),
        "replica": np.arange(requests) % 4,
        "user": np.arange(requests) % 7,
        "worst_gap": np.full(requests, 0.03 * slow),
        "tpot": tpot(first, finish, output),
    }
    shares = np.linspace(0, 1, 401)
    time = np.arange(1, 61) * 1.0
    timeline = {"time": time, "waiting": 20 * np.sin(time / 9) ** 2 * slow, "running": 40 + time, "kv": time / 60}
    series: dict[str, dict[str, Array]] = {
        "timeline": timeline,
        "gaps": {"q": shares, "seconds": 0.02 * slow * (1 + shares**4)},
    }
    load = Load(chance.uniform(0.2, 0.9, (60, 4)), np.ones(60), "busy seconds", "replica")
    ttft = first - arrival
    metrics = {
        "goodput": 9.0 / slow,
        "ttft_p50": float(np.quantile(ttft, 0.5)),
        "ttft_p99": float(np.quantile(ttft, 0.99)),
        "tbt_p99": 0.04 * slow,
        "e2e_mean": float((finish - arrival).mean()),
        "throughput": 9.5,
        "energy": 0.3,
        "fairness": float("nan"),
    }
    return Outcome(label, metrics, load, items, series, {"model": "llama-3.1-8b", "replicas": 4, "label": label})


def empty(label: str = "nothing") -> Outcome:
    """Return an outcome of no requests at all."""
    whole = outcome(label)
    items = {name: column[:0] for name, column in whole.items.items()}
    nothing = {name: float("nan") for name in whole.metrics}
    series: dict[str, dict[str, Array]] = {
        "timeline": {name: column[:0] for name, column in whole.series["timeline"].items()}
    }
    return Outcome(label, nothing, Load(np.zeros((0, 0))), items, series)


def fleet(label: str, replicas: int, skew: float = 0.5) -> Outcome:
    """Return an outcome of many replicas, of which the last has a share `skew` less to do than the first."""
    chance = np.random.default_rng(replicas)
    work = chance.uniform(0.4, 0.9, (60, replicas)) * np.linspace(1, 1 - skew, replicas)
    return replace(outcome(label), load=Load(work, np.ones(60), "busy seconds", "replica"))


def seeded(one: Outcome, *factors: float) -> Outcome:
    """Return an outcome over several seeds whose figures are so many times its own."""
    seeds: dict[str, Array] = {name: value * np.array(factors) for name, value in one.metrics.items()}
    return replace(one, series={**one.series, "seeds": seeds})


def trace(requests: int = 2000) -> Trace:
    """Return a trace with users and bursts."""
    chance = np.random.default_rng(3)
    return Trace(
        arrival=np.cumsum(chance.gamma(0.3, 1.0, requests)),
        prompt=chance.lognormal(6, 1, requests).astype(np.int64) + 1,
        output=chance.lognormal(5, 1, requests).astype(np.int64) + 1,
        user=chance.zipf(1.6, requests) % 100,
        origin="made up",
    )
