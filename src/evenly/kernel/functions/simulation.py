"""Run the loop of a function platform over calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.kernel.bridge import Failures, compiled, is_compiled, memory_of, python_hook
from evenly.kernel.functions import records as r
from evenly.kernel.functions.run import ROOM, serve
from evenly.kernel.world import World

SLICES = 100  # how often a run reports its progress at most
SLICE = 50_000  # calls between two reports at least
GROWTH = 2  # a run that needs more room starts again with so many times as much


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is to be served, as the records of `records`."""

    functions: Array
    "Rows of `FUNCTION`: each function in each region."
    calls: Array
    "Rows of `CALL`: those that come by themselves in order of arrival, then those that others call."
    starts: Floats
    "Seconds that a pod takes to start for each call in each region, shape [calls, regions, 4]: see `COLD`."
    latency: Floats
    "Seconds there and back between regions, shape [regions, regions]."
    pools: int
    "Number of pools."
    links: Array = field(default_factory=lambda: np.zeros(0, r.LINK))
    "Rows of `LINK`, one a call, or none where no call calls another."
    edges: Array = field(default_factory=lambda: np.zeros(0, r.EDGE))
    "Rows of `EDGE`: which function calls which."


@dataclass(frozen=True, slots=True, eq=False)
class Policies:
    """The policy objects that decide in a run."""

    keep: Any
    "Says how long a free pod is kept; with a verb `warm`, also when one is started ahead."
    delay: Any = None
    "Says how long a call may wait for a pod; `None`: not at all."
    pool: Any = None
    "Says how many pods a pool holds; `None`: allocations take as long as they were measured."
    route: Any = None
    "Says which region serves a call; `None`: the one where it comes."
    chain: Any = None
    "Says when a pod is started ahead for what a call will call; `None`: never."


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What the loop left behind."""

    calls: Array
    pods: Array
    "In the order in which they were started."
    pools: Array
    demand: Ints
    "Starts that asked each pool in each window, shape [pool, window]."


def simulate(
    work: Work,
    rules: dict[str, float],
    policies: Policies,
    seed: int,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> Run:
    """Serve calls as they come; `rules` are fields of `RULES`.

    All pods live until they are released, the last ones beyond the end of the workload. How many pods and events there
    will be is not known before: a run that needs more room than it has starts again with twice as much. Raises
    `ValueError` if a route sends a call where its function is not.
    """
    pods, events = len(work.calls) // 4 + 1024, 4096 + 4 * len(work.functions)
    while True:
        failures = Failures()
        arrays = _arrays(work, rules, policies, pods, events)
        hooks, memories = _hooks(policies, arrays, seed, failures)
        world = World(r.WORLD, arrays | memories)
        ended = _serve(world, hooks, failures, progress)
        if ended == r.WRONG_ROUTE:
            raise ValueError(f"{type(policies.route).__name__}.choose must return a row of the function that is called")
        if ended == r.DONE:
            break
        pods, events = (pods * GROWTH, events) if ended == r.NO_PODS else (pods, events * GROWTH)
    made = world.pods[: world.state[r.BORN]]
    late = np.isnan(made["died"])
    made["died"][late] = made["until"][late]
    return Run(world.calls, made, world.pools, world.demand)


def _serve(world: World, hooks: r.Hooks, failures: Failures, progress: Callable[[float, float], None]) -> int:
    total = int(world.rules["roots"][0])
    for target in _targets(total):
        ended = int(serve(world, *hooks, target))
        failures.check()
        if ended != r.DONE:
            return ended
        progress(target, total)
    return r.DONE


def _targets(total: int) -> Iterator[int]:
    slices = min(SLICES, max(1, total // SLICE))
    return (total * (k + 1) // slices for k in range(slices))


def _arrays(work: Work, rules: dict[str, float], policies: Policies, pods: int, events: int) -> dict[str, Array]:
    """Return the arrays of a world at time 0; the policies' memories are missing."""
    rule = _rules(work, rules, policies)
    pool = np.zeros(work.pools, r.POOL)
    pool["head"] = pool["tail"] = r.NONE
    windows = int(rules["span"] // rules["window"]) + 1 if policies.pool is not None else 1
    happening = np.zeros(events + ROOM + int(rule["fan"][0]), r.EVENT)
    state = np.zeros(5, np.int64)
    if policies.pool is not None:  # the first look at the pools
        happening["what"][0] = r.WINDOW
        state[r.HEAPED] = 1
    return {
        "functions": _fresh(work),
        "gaps": np.zeros((len(work.functions), r.HISTORY)),
        "calls": _coming(work.calls),
        "starts": work.starts,
        "links": work.links,
        "edges": work.edges.copy(),
        "delays": np.zeros((len(work.edges), r.HISTORY)),
        "path": np.zeros((r.STEPS, 2)),
        "latency": work.latency,
        "pods": np.zeros(pods, r.POD),
        "pools": pool,
        "demand": np.zeros((work.pools, windows), np.int64),
        "events": happening,
        "rules": rule,
        "state": state,
    }


def _rules(work: Work, rules: dict[str, float], policies: Policies) -> Array:
    rule = np.zeros(1, r.RULES)
    for name, value in rules.items():
        rule[name] = value
    rule["warms"] = hasattr(type(policies.keep), "warm")
    rule["delays"] = policies.delay is not None
    rule["pooled"] = policies.pool is not None
    rule["routed"] = policies.route is not None
    rule["chained"] = len(work.links) > 0
    rule["expects"] = policies.chain is not None
    rule["regions"] = len(work.latency)
    rule["roots"] = len(work.calls)
    if len(work.links):
        parents = work.links["parent"]
        rule["roots"] = int((parents == r.NONE).sum())
        calls = np.bincount(parents[parents != r.NONE], minlength=1)
        rule["fan"] = max(calls.max(), r.ASKED)
    return rule


def _fresh(work: Work) -> Array:
    """Return functions that nobody has called."""
    found = work.functions.copy()
    for name in ("open", "coming", "freed", "head", "tail", "newest", "edge"):
        found[name] = r.NONE
    found["calls"] = found["pods"] = found["warm"] = 0
    found["wake"] = found["alarm"] = np.inf
    found["last"] = np.nan
    first = np.unique(work.edges["parent"], return_index=True)
    found["edge"][first[0]] = first[1]
    return found


def _coming(calls: Array) -> Array:
    """Return calls that have not come."""
    found = calls.copy()
    for name in ("pod", "next", "later", "beside", "freed"):
        found[name] = r.NONE
    for name in ("start", "end", "began", "allocation"):
        found[name] = np.nan
    found["site"] = found["function"]
    found["state"], found["why"] = r.COMING, r.WARM
    return found


def _hooks(
    policies: Policies, arrays: dict[str, Array], seed: int, failures: Failures
) -> tuple[r.Hooks, dict[str, Floats]]:
    from evenly.kernel.functions import absent

    functions, gaps = arrays["functions"], arrays["gaps"]
    known = (arrays["edges"], arrays["delays"], functions)
    asked: dict[str, tuple[Any, Any, tuple[Array, ...], type, tuple[type, ...]]] = {
        "keep": (policies.keep, r.KEEP, (functions, gaps), float, (float, int, int)),
        "warm": (policies.keep, r.WARM_AT, (functions, gaps), float, (float, int)),
        "delay": (policies.delay, r.DELAY, (functions,), float, (float, int)),
        "size": (policies.pool, r.SIZE, (arrays["demand"],), int, (float, int, int)),
        "choose": (policies.route, r.CHOOSE, (functions, arrays["latency"]), int, (float, int)),
        "expect": (policies.chain, r.EXPECT_AT, known, float, (float, int, int)),
        "wait": (policies.chain, r.WAIT, known, float, (float, int)),
    }
    calls, memories = [], {}
    for verb, (policy, kind, seen, result, scalars) in asked.items():
        if not hasattr(type(policy), verb):
            calls.append(getattr(absent, verb))
            memories[f"{verb}_memory"] = np.zeros(1)
            continue
        memory = memory_of(policy, seed, len(functions))
        if is_compiled(policy, verb):
            calls.append(compiled(policy, verb, kind))
        else:
            from evenly.kernel.functions import trampolines  # compiled only where a policy is plain Python

            memory = python_hook(getattr(policy, verb), (*seen, memory), result, scalars, failures)
            calls.append(getattr(trampolines, verb))
        memories[f"{verb}_memory"] = memory
    return r.Hooks(*calls), memories
