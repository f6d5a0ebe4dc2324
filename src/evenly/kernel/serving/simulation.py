"""Run the serving loop over a trace."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Trace
from evenly.kernel.bridge import Failures, compiled, is_compiled, memory_of, python_cost, python_hook
from evenly.kernel.serving import kinds, records, setup, tally
from evenly.kernel.serving.kinds import Kind
from evenly.kernel.serving.records import WORLD, Hooks
from evenly.kernel.serving.retain import unheard
from evenly.kernel.serving.run import fresh, serve
from evenly.kernel.world import World

SLICES = 100  # how often a run reports its progress at most
SLICE = 20_000  # requests between two reports at least: tens of milliseconds


@dataclass(frozen=True, slots=True, eq=False)
class Policies:
    """The policy objects that decide in a run."""

    route: Any
    order: Any
    budget: Any
    admit: Any
    evict: Any
    retain: Any
    cost: Any
    tables: Floats
    shared: Floats | None = None
    "Numbers for what the replicas of a crew compute together, where they keep step."
    shares: Any = None
    "Asked only where prompts and decodes have a lane each on one device."
    limits: tuple[float, float] = (np.inf, np.inf)
    "Of time to the first token and of time a token, in seconds, which `shares` watches; infinite if there is none."
    elastic: Any = None
    "How replicas come and go, an `elastic.Elastic`; `None` if all are there all the time."
    kinds: tuple[Kind, ...] = ()
    "Crews that are not alike, in place of `tables`, `shared` and the rules' crews and stages."


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What the loop left behind."""

    requests: Array
    pools: Array
    bins: Floats
    "Sums over time, shape [channel, bin, replica]; channels of `tally`."
    width: float
    "Seconds of a time bin."
    gaps: Array
    "Histogram of token gaps; bounds by `gap_edges`."
    gap_sum: float
    gap_count: float
    tokens: Floats
    "Times of all tokens, request by request; empty unless asked for."
    log: Floats
    "One row a stretch of passes; empty unless asked for."
    blocks: int
    lanes: Array
    "State of the two lanes of each replica, where it has two."
    tiers: Array
    "Host memory of each replica and the link to it, where seats are switched."
    copies: Floats
    "Rows of replica, request, direction (0 is to the host), start, end, pages, pieces: the first copies of the run."
    shares: Floats
    "Rows of time, replica, and shares of prompts and decodes in percent, from then on; empty without two lanes."
    lives: Any = None
    "What the replicas did that came and went, an `elastic.Lives`; `None` if all were there all the time."


def gap_edges() -> Floats:
    """Return the lower bounds of the bins of the gap histogram, in seconds; the first is 0."""
    edges = ((np.arange(tally.GAP_BINS) - 1 + tally.LEAST) << tally.SHIFT).view(np.float64)
    edges[0] = 0.0
    return edges


def simulate(
    trace: Trace,
    rules: dict[str, int | float],
    policies: Policies,
    replicas: int,
    blocks: int,
    host_blocks: int,
    seed: int,
    record_tokens: bool = False,
    record_passes: int = 0,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> Run:
    """Serve a trace on `replicas` replicas of `blocks` usable blocks each; `rules` are fields of `records.RULES`.

    Where crews are of several kinds, `replicas` are all of theirs and `blocks` the most that one of them has.

    Prefix caching is exact whether or not blocks are told apart. Where no two requests can share tokens, the only hits
    are those of a preempted request on its own blocks, so the run first counts blocks and starts again with block
    identities only if somebody was preempted.
    """
    if rules["cache"] and not rules["retain"] and not _shares(trace):
        counted = dict(rules, cache=0, hits=0, host_cache=0)
        run = _attempt(
            trace, counted, policies, replicas, blocks, host_blocks, seed, record_tokens, record_passes, progress
        )
        if not run.requests["preemptions"].any():
            return run
    return _attempt(trace, rules, policies, replicas, blocks, host_blocks, seed, record_tokens, record_passes, progress)


def _shares(trace: Trace) -> bool:
    """Tell whether any two requests have tokens in common: turns of a session, or an identity that occurs twice."""
    if trace.after is not None and trace.session is not None:
        return True
    if trace.prefixes is None:
        return False
    ids = trace.prefixes.ids
    if np.all(ids[1:] > ids[:-1]):  # numbered as they came, so all differ
        return False
    ids = np.sort(ids)
    return bool(np.any(ids[1:] == ids[:-1]))


def _attempt(
    trace: Trace,
    rules: dict[str, int | float],
    policies: Policies,
    replicas: int,
    blocks: int,
    host_blocks: int,
    seed: int,
    record_tokens: bool,
    record_passes: int,
    progress: Callable[[float, float], None],
) -> Run:
    counts = getattr(type(policies.order), "counts", "")
    arrays = setup.arrays(trace, rules, replicas, blocks, host_blocks, counts, record_tokens, record_passes)
    groups = _kinds(policies, rules, replicas, blocks)
    arrays["members"] = kinds.members(groups)
    kinds.settle(groups, arrays)
    failures = Failures()
    front = _front(policies, replicas)
    hooks, memories = _hooks(policies, groups, arrays, seed, replicas, failures, front)
    world = World(WORLD, arrays | memories)
    _price(world, policies, rules)
    state: tuple[Any, ...] = fresh(replicas)
    looks: Any = None
    if front is not None:
        from evenly.kernel.serving.elastic import Coming  # compiled only where replicas come and go

        looks = Coming(world, policies.elastic, front, seed, failures)
    if rules.get("lanes"):
        from evenly.kernel.serving.windows import Looks, state_of_lanes  # compiled only where there are lanes

        state = state_of_lanes(replicas)
        looks = Looks(world, policies.shares, policies.limits, float(rules["worker_start"]), seed)
    run: Any = serve
    if rules.get("crews"):
        from evenly.kernel.serving.step_run import serve_in_step  # compiled only where replicas keep step

        state, run = fresh(len(world.members)), serve_in_step
    if rules.get("apart"):
        from evenly.kernel.serving.apart_run import serve_apart  # compiled only where prompts are computed apart

        run = serve_apart
    if rules.get("redraw"):
        from evenly.kernel.serving.switch_run import serve_switched  # compiled only where seats are switched

        run = serve_switched
    total = len(trace)
    done = 0
    for target in _targets(total):
        ended = looks.serve(hooks, state, target - done) if looks else run(world, *hooks, *state, target - done)
        failures.check()
        done += ended
        progress(done, total)
        if done < target:
            raise ValueError(
                f"the run stands still after {done} of {total} requests: {world.pools['queue'].sum()} wait and no pass "
                f"can be composed; does the budget policy {type(policies.budget).__name__} give a pass enough tokens?"
            )
        if world.pools["least_host"].min() < 0:
            need = host_blocks - int(world.pools["least_host"].min())
            raise ValueError(
                f"the swap space of {host_blocks} blocks is too small: {need} blocks of {rules['block']} tokens were "
                "swapped out at once; raise swap_space or let victims recompute"
            )
    _check_routes(world.requests["replica"], policies.route, replicas)
    return Run(
        world.requests,
        world.pools,
        world.bins,
        float(world.clock[0]),
        world.gaps,
        float(world.clock[1]),
        float(world.clock[2]),
        world.tokens,
        world.log[: world.log_size[0]],
        blocks,
        world.lanes,
        world.tiers,
        world.copy_log[: world.copy_log_size[0]],
        looks.rows() if rules.get("lanes") else np.zeros((0, 4)),
        looks.lives() if front is not None else None,
    )


def part_of(run: Run, kinds_: tuple[Kind, ...], number: int) -> Run:
    """Return the run of one kind alone: its requests and its replicas, which are numbered as if there were no others.

    Sums over the whole run, such as those of token gaps, stay as they are.
    """
    mine = np.flatnonzero(kinds.kind_of(kinds_) == number)
    place = np.full(len(run.pools), -1, np.int64)
    place[mine] = np.arange(len(mine))
    requests = run.requests[np.isin(run.requests["replica"], mine)].copy()
    requests["replica"] = place[requests["replica"]]
    log = run.log[np.isin(run.log[:, 0].astype(np.int64), mine)].copy()
    log[:, 0] = place[log[:, 0].astype(np.int64)]
    return replace(
        run,
        requests=requests,
        pools=run.pools[mine],
        bins=run.bins[:, :, mine],
        log=log,
        blocks=kinds_[number].blocks,
        lanes=run.lanes[mine],
    )


def _kinds(policies: Policies, rules: dict[str, int | float], replicas: int, blocks: int) -> tuple[Kind, ...]:
    """Return the kinds of replicas; one where all are alike."""
    if policies.kinds:
        return policies.kinds
    crews, stages = int(rules.get("crews", 0)) or replicas, int(rules.get("stages", 0)) or 1
    shared = np.zeros(0) if policies.shared is None else policies.shared
    ranks = replicas // (crews * stages)
    carried = bool(rules.get("carried", 0))
    return (Kind(crews, stages, ranks, blocks, int(rules["seats"]), policies.tables, shared, carried),)


def _price(world: World, policies: Policies, rules: dict[str, int | float]) -> None:
    """Note the seconds of a queued prompt token on each replica, for what routers see."""
    tokens = min(int(rules["budget"]), 8192)
    if policies.kinds:
        world.pools["full"] = kinds.prices(policies.kinds, policies.cost.seconds, tokens)
    else:
        whole = policies.cost.seconds(np.array([tokens]), np.zeros(1, np.int64), 0, 0.0, 0, policies.tables)[0]
        world.pools["full"] = whole / tokens
    world.fleet["pace"] = world.pools["full"]


def _check_routes(chosen: Array, router: object, replicas: int) -> None:
    """Raise `ValueError` if a router named a replica that does not exist; -1 marks requests that it never saw."""
    stray = np.flatnonzero((chosen < -1) | (chosen >= replicas))
    if len(stray):
        where = inspect.getsourcefile(type(router))
        raise ValueError(
            f"{where}: {type(router).__name__}.choose sent {len(stray)} of {len(chosen)} requests to replicas that do "
            f"not exist (request {stray[0]} first); it returns a number from 0 to {replicas - 1}"
        )


def _targets(total: int) -> Iterator[int]:
    slices = min(SLICES, max(1, total // SLICE))
    return (total * (k + 1) // slices for k in range(slices))


def _front(policies: Policies, replicas: int) -> Any:
    """Return what routers see where replicas come and go; `None` where they see the fleet."""
    if policies.elastic is None:
        return None
    from evenly.kernel.serving.elastic import front

    return front(replicas)


def _memory(policy: Any, verb: str, seed: int, replicas: int, rules: Array) -> Floats:
    """Return what a policy remembers; a router over two sides of a fleet, one memory after the other."""
    apart = int(rules["apart"][0])
    if verb != "choose" or apart == 0:
        return memory_of(policy, seed, replicas)
    first = memory_of(policy, seed, apart)
    rules["asked"] = len(first)
    return np.concatenate((first, memory_of(policy, seed, replicas - apart)))


def _of_open(choose: Callable[..., int], count: Array) -> Callable[..., int]:
    """Return a plain-Python `choose` that takes the open replicas and those that are none."""

    def chosen(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        return choose(now, request, requests, fleet[: count[0]], memory)

    return chosen


def _of_replica(rank: Callable[..., float]) -> Callable[..., float]:
    """Return a plain-Python `rank` that takes the flows of all replicas."""

    def ranked(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        return rank(now, sequence, request, requests, flows[requests["replica"][request]], memory)

    return ranked


def _ears(policy: Any, own: Floats, asked: Floats, requests: Array, failures: Failures) -> tuple[Any, Floats]:
    """Return the verb by which a retention learns, and the memory of both of its verbs.

    `own` is what a plain one finds in `memory`, and `asked` what its other verb is reached by. Raises `ValueError` if
    one of the two verbs is compiled and the other is not: they share a memory.
    """
    if is_compiled(policy, "learn") != is_compiled(policy, "seconds"):
        where = inspect.getsourcefile(type(policy))
        raise ValueError(
            f"{where}: one of {type(policy).__name__}.seconds and .learn is a static method and the other is not; "
            "they share a memory, so make both static or neither"
        )
    if is_compiled(policy, "learn"):
        return compiled(policy, "learn", records.LEARN), asked
    from evenly.kernel.serving import trampolines

    def told(now: float, request: int, requests: Array, memory: Floats) -> float:
        policy.learn(now, request, requests, memory)
        return 0.0

    address = python_hook(told, (requests, own), float, (float, int), failures)
    return trampolines.learn, np.concatenate((asked, address))


def _hooks(
    policies: Policies,
    groups: tuple[Kind, ...],
    arrays: dict[str, Array],
    seed: int,
    replicas: int,
    failures: Failures,
    front: Any,
) -> tuple[Hooks, dict[str, Floats]]:
    requests, flows = arrays["requests"], arrays["flows"]
    fleet = arrays["fleet"] if front is None else front.fleet
    shared = {
        "choose": (policies.route, records.CHOOSE, (requests, fleet), int, (float, int)),
        "rank": (policies.order, records.RANK, (requests, flows), float, (float, int, int)),
        "tokens": (policies.budget, records.BUDGET, (), int, (float, int, int)),
        "admit": (policies.admit, records.ADMIT, (requests,), int, (float, int, int, int, int)),
        "score": (policies.evict, records.SCORE, (requests,), float, (float, int, int, int)),
        "seconds": (policies.retain, records.RETAIN, (requests,), float, (float, int)),
    }
    names = {"tokens": "budget", "seconds": "retain"}
    calls: list[Any] = []
    memories = {name: kinds.numbers(groups, name) for name in ("tables", "shared")}
    for verb, (policy, kind, seen, result, scalars) in shared.items():
        slot = names.get(verb, verb)
        own = memory = _memory(policy, verb, seed, replicas, arrays["rules"])
        if is_compiled(policy, verb):
            calls.append(compiled(policy, verb, kind))
        else:
            from evenly.kernel.serving import trampolines  # compiled only where a policy is plain Python

            asked = getattr(policy, verb)
            if verb == "rank":  # it sees the flows of the replica that ranks
                asked = _of_replica(asked)
            elif verb == "choose" and front is not None:
                asked = _of_open(asked, front.count)
            memory = python_hook(asked, (*seen, memory), result, scalars, failures)
            calls.append(getattr(trampolines, slot))
        memories[f"{slot}_memory"] = memory
    learn = unheard
    if arrays["rules"]["learns"][0]:  # `own` and `memory` are those of the last verb, the retention's
        learn, memories["retain_memory"] = _ears(policies.retain, own, memory, requests, failures)
    calls.append(learn)
    if is_compiled(policies.cost, "seconds"):
        calls.append(compiled(policies.cost, "seconds", records.SECONDS))
    else:
        from evenly.kernel.serving import trampolines

        watch = getattr(policies.cost, "watch", None)
        if watch is not None:  # it runs the passes for real and must see who is in them
            watch(arrays)
        calls.append(trampolines.seconds)
        memories["tables"] = python_cost(policies.cost.seconds, policies.tables, failures)
        arrays["pools"]["tables_end"] = len(memories["tables"])
    return Hooks(*calls), memories
