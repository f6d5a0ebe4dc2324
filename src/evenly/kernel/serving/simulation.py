"""Run the serving loop over a trace."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Trace
from evenly.kernel.bridge import Failures, compiled, is_compiled, memory_of, python_hook
from evenly.kernel.serving import records, tally, trampolines
from evenly.kernel.serving.records import FLEET, NONE, POOL, REQUEST, RULES, SEAT, Hooks, World
from evenly.kernel.serving.run import LOG_COLUMNS, fresh, serve

BINS = 512
SLICES = 100  # how often a run reports its progress
PEAKS = 512  # gaps remembered before they are handed to the seats


@dataclass(frozen=True, slots=True, eq=False)
class Policies:
    """The policy objects that decide in a run."""

    route: Any
    order: Any
    budget: Any
    admit: Any
    evict: Any
    cost: Any
    tables: Floats


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


def gap_edges() -> Floats:
    """Return the lower bounds of the bins of the gap histogram, in seconds; the first is 0."""
    edges = np.exp2((np.arange(tally.GAP_BINS) - 1) / tally.OCTAVE + tally.LOWEST)
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

    Prefix caching is exact whether or not blocks are told apart. Where no two requests can share tokens, the only hits
    are those of a preempted request on its own blocks, so the run first counts blocks and starts again with block
    identities only if somebody was preempted.
    """
    shares = trace.prefixes is not None or (trace.after is not None and trace.session is not None)
    if rules["cache"] and not shares:
        counted = dict(rules, cache=0, hits=0)
        run = _attempt(
            trace, counted, policies, replicas, blocks, host_blocks, seed, record_tokens, record_passes, progress
        )
        if not run.requests["preemptions"].any():
            return run
    return _attempt(trace, rules, policies, replicas, blocks, host_blocks, seed, record_tokens, record_passes, progress)


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
    world = _world(trace, rules, replicas, blocks, host_blocks, record_tokens, record_passes)
    failures = Failures()
    hooks = _hooks(policies, world, seed, replicas, failures)
    full = hooks.seconds(
        np.array([min(int(rules["budget"]), 8192)]), np.zeros(1, np.int64), 0, 0.0, 0, policies.tables
    )[0]
    world.pools["full"] = full / min(int(rules["budget"]), 8192)
    state = fresh(replicas)
    total = len(trace)
    done = 0
    for target in _targets(total):
        ended = serve(world, hooks, *state, target - done)
        failures.check()
        done += ended
        progress(done, total)
        if done < target:
            raise AssertionError(f"the loop stopped after {done} of {total} requests")
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
    )


def _targets(total: int) -> Iterator[int]:
    slices = min(SLICES, max(1, total // 1000))
    return (total * (k + 1) // slices for k in range(slices))


def _world(
    trace: Trace,
    rules: dict[str, int | float],
    replicas: int,
    blocks: int,
    host_blocks: int,
    record_tokens: bool,
    record_passes: int,
) -> World:
    seats = int(rules["seats"])
    block = int(rules["block"])
    ids = trace.prefixes.ids if trace.prefixes is not None else np.zeros(0, np.int64)
    cache = bool(rules["cache"])
    cells = blocks if cache else 1
    longest = int((trace.prompt + trace.output).max(initial=1))
    total_tokens = int(trace.output.sum()) if record_tokens else 0
    rule = np.zeros(1, RULES)
    for name, value in rules.items():
        rule[name] = value
    fleet = np.zeros(replicas, FLEET)
    fleet["free"] = fleet["blocks"] = blocks
    shape = (replicas, seats)
    slots = 1 << max(4, (2 * cells).bit_length())
    world = World(
        requests=_requests(trace),
        fleet=fleet,
        pools=_pools(replicas, seats, blocks, host_blocks),
        seats=np.zeros(replicas * seats, SEAT),
        line=np.zeros(shape, np.int64),
        fill=np.zeros(shape, np.int64),
        spare=np.tile(np.arange(2 * seats)[::-1] % seats, (replicas, 1)) if seats else np.zeros((replicas, 0), np.int64),
        phase=np.zeros((replicas, block), np.int64),
        chunk=np.zeros(shape, np.int64),
        before=np.zeros(shape, np.int64),
        who=np.zeros(shape, np.int64),
        peak_at=np.zeros((replicas, PEAKS), np.int64),
        peak_gap=np.zeros((replicas, PEAKS)),
        gaps=np.zeros(tally.GAP_BINS, np.int64),
        bins=np.zeros((tally.CHANNELS, BINS, replicas)),
        clock=np.array([2.0**-6, 0.0, 0.0]),
        rules=rule,
        ids=ids,
        id_block=np.array([trace.prefixes.block if trace.prefixes is not None else 1], np.int64),
        table=np.zeros((replicas * seats, longest // block + 2) if cache else (1, 1), np.int32),
        link=np.zeros((replicas, cells, 2), np.int32),
        owners=np.zeros((replicas, cells), np.int32),
        key=np.zeros((replicas, cells), np.int64),
        twin=np.full((replicas, cells), NONE, np.int32),
        slots=np.zeros((replicas, slots), np.int32),
        bag=np.zeros((replicas, cells), np.int32),
        ends=np.zeros((replicas, 4), np.int64),
        tokens=np.full(total_tokens, np.nan),
        token_at=np.concatenate(([0], np.cumsum(trace.output))) if record_tokens else np.zeros(1, np.int64),
        log=np.zeros((record_passes, LOG_COLUMNS)),
        log_size=np.zeros(1, np.int64),
    )
    world.link[:, :, 0] = np.arange(cells) - 1
    world.link[:, :, 1] = np.arange(cells) + 1
    world.link[:, -1, 1] = NONE
    world.ends[:, 1] = cells - 1
    return world


def _requests(trace: Trace) -> Array:
    count = len(trace)
    made = np.zeros(count, REQUEST)
    for name in ("arrival", "prompt", "output"):
        made[name] = getattr(trace, name)
    made["user"] = trace.user if trace.user is not None else NONE
    made["priority"] = trace.priority if trace.priority is not None else 0
    made["session"] = NONE
    made["pause"] = -1.0
    for name in ("follower", "sibling", "child", "next", "replica"):
        made[name] = NONE
    for name in ("start", "first_token", "finish"):
        made[name] = np.nan
    if trace.prefixes is not None:
        made["ids"] = trace.prefixes.offsets[:-1]
        made["id_count"] = np.diff(trace.prefixes.offsets)
    if trace.after is not None:
        _chain(made, trace)
    return made


def _chain(made: Array, trace: Trace) -> None:
    """Link requests to those that wait for their end; a session whose turns extend one another shares its history."""
    assert trace.after is not None
    later = np.flatnonzero(trace.after >= 0)
    made["pause"][later] = trace.pause[later] if trace.pause is not None else 0.0
    for i in later[::-1]:
        j = trace.after[i]
        made["sibling"][i] = made["follower"][j]
        made["follower"][j] = i
    if trace.session is not None:
        grows = np.ones(len(made), bool)
        earlier = trace.after[later]
        grows[later] = trace.prompt[later] >= trace.prompt[earlier] + trace.output[earlier]
        grows[later] &= trace.session[later] == trace.session[earlier]
        broken = np.unique(trace.session[~grows])
        made["session"] = np.where(np.isin(trace.session, broken), NONE, trace.session)


def _pools(replicas: int, seats: int, blocks: int, host_blocks: int) -> Array:
    made = np.zeros(replicas, POOL)
    made["free"] = made["least_free"] = blocks
    made["host"] = host_blocks
    made["spare_seats"] = seats
    made["next_end"] = 1 << 60
    made["longest"] = -(1 << 60)
    made["end"] = np.inf
    for name in ("waiting", "swapped", "swapped_last"):
        made[name] = NONE
    return made


def _hooks(policies: Policies, world: World, seed: int, replicas: int, failures: Failures) -> Hooks:
    shared = {
        "choose": (policies.route, records.CHOOSE, (world.requests, world.fleet), int, (float, int)),
        "rank": (policies.order, records.RANK, (world.requests,), float, (float, int, int)),
        "tokens": (policies.budget, records.BUDGET, (), int, (float, int, int)),
        "admit": (policies.admit, records.ADMIT, (world.requests,), int, (float, int, int, int, int)),
        "score": (policies.evict, records.SCORE, (world.requests,), float, (float, int, int, int)),
    }
    calls: list[Any] = []
    memories: list[Floats] = []
    for verb, (policy, kind, arrays, result, scalars) in shared.items():
        memory = memory_of(policy, seed, replicas)
        if is_compiled(policy, verb):
            calls.append(compiled(policy, verb, kind))
            memories.append(memory)
        else:
            bound = getattr(policy, verb)
            memories.append(python_hook(bound, (*arrays, memory), result, scalars, failures))
            calls.append(getattr(trampolines, "budget" if verb == "tokens" else verb))
    seconds = compiled(policies.cost, "seconds", records.SECONDS)
    return Hooks(*calls, seconds, *memories, policies.tables)
