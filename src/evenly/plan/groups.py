"""Groups of devices that are cut alike, and how requests go through them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Trace
from evenly.core.scenario import Progress, silent
from evenly.hardware.device import device, link
from evenly.hardware.model import model
from evenly.kernel.bridge import is_compiled
from evenly.measure.slo import tpot
from evenly.plan.cost import kv_bytes
from evenly.plan.layout import Layout
from evenly.plan.pool import deal
from evenly.plan.scenario import Crew, PlanScenario
from evenly.serve.results import columns
from evenly.serve.scenario import servable


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Devices that are cut alike, and what they did."""

    name: str
    "What they are there for; empty if they are all."
    scenario: PlanScenario
    crew: Crew
    run: Any
    waits: float = 0.0
    "Largest share of their KV cache that was taken by what waited for other devices."

    @property
    def kv_peak(self) -> float:
        """Return the largest share of KV blocks in use; above 1 where more waits for other devices than fits."""
        return float(1.0 - self.run.pools["least_free"].min() / self.run.blocks + self.waits)


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """Requests in the order of their trace, and the groups that served them."""

    items: dict[str, Array]
    groups: tuple[Group, ...]
    handover: float = 0.0
    "Mean seconds from a first token to the arrival of its keys and values on the devices that decode."


def serve(scenario: PlanScenario, trace: Trace, progress: Progress = silent) -> Served:
    """Return what the devices of a scenario make of a trace.

    Raises `ValueError` if the model does not fit, and for devices of several kinds or prompts apart with a trace whose
    requests wait for another.
    """
    if scenario.prompts:
        return _apart(scenario, scenario.prompts, servable(trace), progress)
    if scenario.dealt:
        return _dealt(scenario, servable(trace), progress)
    if scenario.beside:
        return _routed(scenario, servable(trace), progress)
    group = _group("", scenario, trace, progress)
    return Served(columns(group.run.requests), (group,))


def _group(
    name: str, scenario: PlanScenario, trace: Trace, progress: Progress = silent, carried: bool = False
) -> Group:
    crew = scenario.crew()
    return Group(name, scenario, crew, scenario.simulate(crew, trace, progress=progress, carried=carried))


# ---- Devices of several kinds ---------------------------------------------------------------------------------------


def _dealt(scenario: PlanScenario, trace: Trace, progress: Progress) -> Served:
    """Deal requests to pools by their shares, and serve each pool by itself."""
    if trace.after is not None:
        raise ValueError("beside: a trace whose requests wait for another one cannot be dealt to pools; leave it out")
    shares = np.array(scenario.dealt)
    turn = deal(len(trace), np.append(1 - shares.sum(), shares))
    groups, columns_of = [], []
    for number, part in enumerate(scenario.parts):
        mine = np.flatnonzero(turn == number)
        if len(mine) == 0:
            raise ValueError(f"beside: {part.device} gets none of {len(trace)} requests; give it a larger share")
        groups.append(_group(f"{part.devices} x {part.device}", part, trace.take(mine), progress))
        columns_of.append((mine, columns(groups[-1].run.requests)))
    items = {name: np.empty(len(trace), column.dtype) for name, column in columns_of[0][1].items()}
    for mine, found in columns_of:
        for name, column in found.items():
            items[name][mine] = mine[column] if name == "program" else column
    return Served(items, tuple(groups))


def _routed(scenario: PlanScenario, trace: Trace, progress: Progress) -> Served:
    """Let one router choose among the engines of all pools, in one run whose passes are timed by each pool's table."""
    from evenly.kernel.serving.simulation import part_of
    from evenly.plan.kernel import run_kinds

    crews = [part.crew() for part in scenario.parts]
    kinds, run = run_kinds(scenario, crews, trace, progress)
    groups = tuple(
        Group(f"{part.devices} x {part.device}", part, crew, part_of(run, kinds, number))
        for number, (part, crew) in enumerate(zip(scenario.parts, crews, strict=True))
    )
    return Served(columns(run.requests), groups)


# ---- Prompts apart -------------------------------------------------------------------------------------------------


def _apart(scenario: PlanScenario, layout: Layout, trace: Trace, progress: Progress) -> Served:
    """Serve prompts on devices of their own, and decode elsewhere.

    A prompt's devices give its first token, as `Disaggregated` has it, and send keys and values on, one request after
    the other; whoever decodes takes them when there is room. Until then they stay where they were computed, so prompts
    wait while those that decode have none. Where prompts share tokens the two sides are run one after the other, as
    the loop for both knows no cache, and so they are with a router in plain Python: nothing waits then.
    """
    if trace.after is not None:
        raise ValueError("prompts: a trace whose requests wait for another one cannot be served apart; leave it out")
    if not np.any(trace.output > 1):
        raise ValueError("prompts: no request has a second token, so nobody would decode; leave it out")
    if trace.prefixes is None and is_compiled(scenario.route, "choose"):
        return _in_one_run(scenario, layout, trace, progress)
    return _in_turn(scenario, layout, trace, progress)


def _in_one_run(scenario: PlanScenario, layout: Layout, trace: Trace, progress: Progress) -> Served:
    """Serve both halves of all requests at once."""
    from evenly.kernel.serving.simulation import part_of
    from evenly.plan.kernel import run_apart

    sides = [replace(scenario.with_layout(layout), prompts=None), replace(scenario, prompts=None)]
    crews = [side.crew() for side in sides]
    kinds, run = run_apart(scenario, sides, crews, trace, progress)
    count, mine = len(trace), np.flatnonzero(trace.output > 1)
    halves = run.requests.copy()
    halves["parent"] = -1  # a request is its own program
    items, then = columns(halves[:count]) | {"output": trace.output}, columns(halves[count:])
    groups = tuple(
        Group(name, side, crew, part_of(run, kinds, number))
        for number, (name, side, crew) in enumerate(zip(("prompts", "decodes"), sides, crews, strict=True))
    )
    handover = then["arrival"] - items["first_token"][mine]
    return Served(_joined(items, mine, then), groups, float(np.nanmean(handover)))


def _in_turn(scenario: PlanScenario, layout: Layout, trace: Trace, progress: Progress) -> Served:
    """Serve all prompts, then all that follows."""
    alone = replace(scenario.with_layout(layout), prompts=None)
    first = _group("prompts", alone, replace(trace, output=np.ones_like(trace.output)))
    items = columns(first.run.requests) | {"output": trace.output}
    known = np.flatnonzero(np.isfinite(items["first_token"]) & (trace.output > 1))
    there = handed_over(scenario, layout, items, known)
    order = np.argsort(there, kind="stable")
    mine, there = known[order], there[order]
    sent = Trace(there, trace.prompt[mine] + 1, trace.output[mine] - 1)
    then = _group("decodes", replace(scenario, prompts=None), sent, progress, carried=True)
    joined = _joined(items, mine, columns(then.run.requests))
    most = _most(items["first_token"][mine], then.run.requests["start"], trace.prompt[mine])
    held = replace(first, waits=most / (first.crew.kv_tokens * layout.members))
    return Served(joined, (held, then), float(np.mean(there - items["first_token"][mine])))


def handed_over(scenario: PlanScenario, layout: Layout, items: dict[str, Array], known: Array) -> Floats:
    """Return when keys and values of the requests `known` are where they are decoded.

    Each copy of the model sends one request after the other.
    """
    wait, each = hand_over(scenario, layout)
    seconds = wait + each * items["prompt"][known]
    ready, there = items["first_token"][known], np.empty(len(known))
    copies = items["replica"][known] % layout.replicas
    for copy in np.unique(copies):
        mine = np.flatnonzero(copies == copy)
        mine = mine[np.argsort(ready[mine], kind="stable")]
        sent = np.cumsum(seconds[mine])  # were there no gaps
        there[mine] = sent + np.maximum.accumulate(ready[mine] - sent + seconds[mine])
    return there


def hand_over(scenario: PlanScenario, layout: Layout) -> tuple[float, float]:
    """Return the seconds before the first token of keys and values is on the other devices, and of each one.

    All devices of a stage send at once, each its own part; the side that has larger parts sets the pace.
    """
    card = device(scenario.device)
    between = link(card.link if scenario.devices <= scenario.node else card.network)
    part = max(kv_bytes(model(scenario.model), side) for side in (layout, scenario.layout))
    return between.latency, part / between.bandwidth


def _joined(items: dict[str, Array], mine: Array, later: dict[str, Array]) -> dict[str, Array]:
    """Return the columns of requests of which those in `mine` were decoded elsewhere, as `later` says."""
    made = {name: column.copy() for name, column in items.items()}
    made["finish"][mine] = later["finish"]
    made["preemptions"][mine] += later["preemptions"]
    made["worst_gap"][mine] = np.fmax(later["worst_gap"], later["first_token"] - items["first_token"][mine])
    return made | {"tpot": tpot(made["first_token"], made["finish"], made["output"])}


def _most(start: Floats, end: Floats, tokens: Array) -> float:
    """Return the largest sum of the tokens of requests that wait from `start` to `end`.

    >>> _most(np.array([0.0, 1.0]), np.array([2.0, 3.0]), np.array([5, 7]))
    12.0
    """
    times = np.concatenate((start, end))
    order = np.argsort(times, kind="stable")
    return float(np.max(np.cumsum(np.concatenate((tokens, -tokens))[order]), initial=0))
