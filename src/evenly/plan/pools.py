"""Search plans over devices of several kinds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from evenly.core import Ints, Trace
from evenly.core.scenario import Progress, silent
from evenly.hardware.model import model
from evenly.plan.fitting import Unfit, fitting, longest
from evenly.plan.limits import Limit
from evenly.plan.pool import Pool
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import FRONT, Plan, at_once, facts, front, metric, ranked, rate_of, scores
from evenly.plan.space import heuristic, layouts
from evenly.serve.routers.round_robin import RoundRobin
from evenly.serve.routers.weighted_least_requests import WeightedLeastRequests

LEADERS = 6  # layouts of a pool that are tried beside those of others
PARTS = (1.0, 0.5, 0.25)  # of what its rate is worth to it, for each pool but the fastest: its answers take longer


@dataclass(frozen=True, slots=True)
class Cluster:
    """Devices of one kind that a plan may use."""

    device: str
    devices: int
    node: int
    "Devices of one machine."
    price: float = 1.0
    "Of a device for an hour."


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One layout of one pool, alone with its part of the trace."""

    scenario: PlanScenario
    rate: float
    "Requests a second that it finishes where all of them are there from the start."
    answer: float
    "Mean seconds of an answer of its part of the trace."


def search_pools(
    base: PlanScenario,
    clusters: Sequence[Cluster],
    trace: Trace,
    objective: str = "goodput",
    limits: Sequence[Limit] = (),
    jobs: int = 1,
    progress: Progress = silent,
) -> Plan:
    """Score plans on devices of several kinds: every layout of one kind alone, and copies on several of them at once.

    Pools get requests in proportion to the rates at which they finish the trace if all of it is there from the start,
    or the slower ones a half or a quarter of that, or one router chooses among all of them by the requests that they
    have and their pace. Beside others, a pool is tried with its layouts that nothing beats in that rate and in mean
    answer, six at most.

    Raises `ValueError` if the model fits into no pool.
    """
    name = metric(objective)
    for limited, _, _ in limits:
        metric(limited)
    if trace.after is not None:
        raise ValueError(
            "a trace whose requests wait for another one cannot be dealt to pools; name one kind of devices"
        )
    alone, unfit = _alone(base, clusters, trace)
    if not any(alone):
        raise ValueError(_nowhere(base, clusters, unfit))
    usual = _usual(base, clusters)
    tried = [*(one for some in alone for one in some), *_mixtures(alone, trace, jobs), *([usual] if usual else [])]
    tried = [one for one in dict.fromkeys(tried) if min(_shares(one)) * len(trace) >= 1]
    scored = scores(tried, trace, jobs, progress)
    return Plan(
        objective=name,
        limits=tuple(limits),
        candidates=tuple(ranked(scored, name, limits)),
        unfit=tuple(unfit),
        heuristic=next((one for one in scored if one.scenario == usual), None),
        front=tuple(front(scored, FRONT)),
        rate=rate_of(trace),
        facts=facts(base, 1)
        | {
            "devices": " + ".join(f"{one.devices} x {one.device}" for one in clusters),
            "price of a device-hour": ", ".join(f"{one.device} {one.price:g}" for one in clusters),
        },
    )


def _of(base: PlanScenario, cluster: Cluster) -> PlanScenario:
    return replace(base, device=cluster.device, node=cluster.node, price=cluster.price)


def _alone(
    base: PlanScenario, clusters: Sequence[Cluster], trace: Trace
) -> tuple[list[list[PlanScenario]], list[Unfit]]:
    """Return the plans of each kind of devices alone, and those that do not fit."""
    fit, unfit = [], []
    for cluster in clusters:
        one = _of(base, cluster)
        found = layouts(model(base.model), cluster.devices, cluster.node)
        good, bad = fitting(one, found, longest(trace))
        name = f"{cluster.devices} x {cluster.device}"
        fit.append([replace(one.with_layout(layout), name=name) for layout in good])
        unfit += [replace(lack, title=f"{name} {lack.title}") for lack in bad]
    return fit, unfit


def _mixtures(alone: Sequence[Sequence[PlanScenario]], trace: Trace, jobs: int) -> list[PlanScenario]:
    """Return plans that use several pools at once."""
    leaders = [_leaders(scenarios, trace, len(alone), jobs) for scenarios in alone if scenarios]
    groups = (some for number in range(2, len(leaders) + 1) for some in combinations(leaders, number))
    return [one for some in groups for ways in product(*some) for one in _dealings(ways)]


def _dealings(ways: Sequence[_Way]) -> list[PlanScenario]:
    """Return the plans of several pools at once by who gets which requests: by shares, or as a router chooses."""
    free = _together([way.scenario for way in ways], [None] * len(ways))
    if isinstance(free.route, RoundRobin):  # in turn, slow devices would get as many as fast ones
        free = replace(free, route=WeightedLeastRequests(), name="by load")
    return [*(_mixed(ways, part) for part in PARTS), free]


def _leaders(scenarios: Sequence[PlanScenario], trace: Trace, pools: int, jobs: int) -> list[_Way]:
    """Return the layouts of a pool that are worth trying beside others."""
    full = scores(scenarios, at_once(trace), jobs)
    part = scores(scenarios, trace.take(_every(trace, pools)), jobs)
    ways = [
        _Way(scenario, one.figures["throughput"], other.figures["e2e_mean"])
        for scenario, one, other in zip(scenarios, full, part, strict=True)
    ]
    kept = [way for way in ways if not any(_beats(other, way) for other in ways)]
    return sorted(kept, key=lambda way: way.answer)[:LEADERS]


def _every(trace: Trace, pools: int) -> Ints:
    return np.arange(0, len(trace), pools)


def _beats(a: _Way, b: _Way) -> bool:
    return (a.rate, -a.answer) != (b.rate, -b.answer) and a.rate >= b.rate and a.answer <= b.answer


def _mixed(ways: Sequence[_Way], part: float) -> PlanScenario:
    """Return the plan of several pools at once: requests in proportion to rates, of which the slower count a part."""
    most = max(way.rate for way in ways)
    worth = [way.rate if way.rate == most else part * way.rate for way in ways]
    return _together([way.scenario for way in ways], [one / sum(worth) for one in worth])


def _together(scenarios: Sequence[PlanScenario], shares: Sequence[float | None]) -> PlanScenario:
    first, *others = scenarios
    pools = [
        Pool(device=one.device, layout=one.layout, node=one.node, share=share, price=one.price)
        for one, share in zip(others, shares[1:], strict=True)
    ]
    return replace(first, beside=tuple(pools), name="")


def _shares(scenario: PlanScenario) -> list[float]:
    return [1 - sum(scenario.dealt), *scenario.dealt]


def _usual(base: PlanScenario, clusters: Sequence[Cluster]) -> PlanScenario | None:
    """Return the usual rule: each pool cut as if it were alone, and requests dealt to its copies in turn."""
    scenarios = []
    for cluster in clusters:
        one = _of(base, cluster)
        scenarios.append(one.with_layout(heuristic(model(base.model), cluster.devices, cluster.node)))
    made = _together(scenarios, [1 / len(scenarios)] * len(scenarios))
    try:
        for part in made.parts:
            part.crew()
    except ValueError:
        return None
    return made


def _nowhere(base: PlanScenario, clusters: Sequence[Cluster], unfit: Sequence[Unfit]) -> str:
    told = []
    for cluster in clusters:
        name = f"{cluster.devices} x {cluster.device}"
        mine = [one for one in unfit if one.title.startswith(f"{name} ")]
        least = min(mine, key=lambda one: one.missing_gb, default=None)
        why = f"the best layout lacks {least.missing_gb:.1f} GB on each device" if least else "no layout can be cut"
        told.append(f"{name}: {why}")
    return (
        f"{base.model} fits into no pool: {'; '.join(told)}, for weights and the longest request; a copy of the model "
        "lies on devices of one kind; take more or larger devices"
    )
