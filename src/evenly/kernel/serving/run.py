"""The event loop: arrivals, ends of passes, new passes.

Events at one instant come in this order: passes end, requests arrive, passes are composed. So a request that arrives
while a pass ends is known to the next pass, and so is the next turn of a conversation without a pause.
"""

import math
from typing import Any

import numpy as np
from numba import types

from evenly.kernel.compiling import helper, loop
from evenly.kernel.serving import prefix
from evenly.kernel.serving.compose import compose
from evenly.kernel.serving.events import arrival, end, end_dropped, end_served, take, upcoming, wake
from evenly.kernel.serving.passes import blocks_over, interrupt, land, launch, tell_flows
from evenly.kernel.serving.records import HOOKS, LONGEST, NONE, PROMPT, WORLD, Hooks
from evenly.kernel.serving.retain import expect
from evenly.kernel.serving.seating import blocks_for, enqueue
from evenly.kernel.serving.tree import settle
from evenly.kernel.serving.views import pool, request_at, rules_of, seen

LOG_COLUMNS = 9  # replica, start, end, passes, decodes, prompt tokens, prompts, evicted, own work where crews keep step


@helper
def fits(w: Any, r: int, i: int) -> bool:
    """Tell whether a replica can ever serve a request."""
    rules = rules_of(w)
    request = request_at(w, i)
    tokens = request.prompt + request.output
    if tokens > rules.longest:
        return False
    if rules.chunked == 0 and tokens - 1 > rules.budget:
        return False
    if rules.reserve == PROMPT:  # decodes may use what the watermark keeps from prompts
        start = blocks_for(w, request.prompt) + rules.watermark
        return max(start, blocks_for(w, tokens - 1)) <= seen(w, r).blocks
    whole = rules.longest if rules.reserve == LONGEST else tokens - 1
    return blocks_for(w, whole) <= seen(w, r).blocks


@helper
def welcome(w: Any, h: Any, now: float, i: int) -> int:
    """Choose the replica of a request; return it, or `NONE` if the request can never be served there."""
    parent = request_at(w, i).parent
    request_at(w, i).began = now if parent == NONE else request_at(w, parent).began
    if rules_of(w).hits:
        for r in range(len(w.fleet)):
            seen(w, r).hit = prefix.hits(w, r, i, request_at(w, i).prompt - 1) * rules_of(w).block
    r = h.choose(now, i, w.requests, w.fleet, w.choose_memory)
    if r < 0 or r >= len(w.fleet):  # told when the loop has ended; nothing is written outside the arrays
        request_at(w, i).replica = r if r != NONE else len(w.fleet)
        return NONE
    seen(w, r).sent += 1
    request_at(w, i).replica = r
    stays = fits(w, r, i)
    if rules_of(w).learns:
        h.learn(now, i, w.requests, w.retain_memory)
    if rules_of(w).retain:
        free = pool(w, request_at(w, parent).replica if parent != NONE else r).free
        other = expect(w, r, i, stays)
        if other != NONE and pool(w, other).running:  # somebody may wait there for these blocks
            interrupt(w, other, now)
            p = pool(w, other)
            p.least_free = min(p.least_free, free - blocks_over(w, other, p.tick + 1, p.passes - 1))
    return r if stays else NONE


@helper
def arrive(w: Any, h: Any, now: float, i: int) -> int:
    """Route a request and put it into the queue; return its replica, or `NONE` if it can never be served there."""
    r = welcome(w, h, now, i)
    if r == NONE:
        return NONE
    if rules_of(w).flows:
        tell_flows(w, r, now)
    enqueue(w, h, now, r, i)
    seen(w, r).work = seen(w, r).queued_tokens * pool(w, r).full + pool(w, r).first
    return r


@helper
def follow(w: Any, r: int, tree: Any, ends: Any) -> None:
    """Take over when the pass of a replica ends, if an arrival elsewhere cut its stretch short."""
    if 0 <= r < len(w.fleet) and pool(w, r).end < ends[r] < math.inf:
        ends[r] = pool(w, r).end
        settle(tree, ends, r)


@helper
def write_log(w: Any, r: int) -> None:
    """Append the stretch that ended on a replica to the pass log, while there is room."""
    row = w.log_size[0]
    if row >= w.log.shape[0]:
        return
    p = pool(w, r)
    tokens = 0
    for k in range(p.chunks):
        tokens += w.chunk[r, k]
    w.log[row, 0] = r
    w.log[row, 1] = p.start
    w.log[row, 2] = p.end
    w.log[row, 3] = p.passes
    w.log[row, 4] = p.ran
    w.log[row, 5] = tokens
    w.log[row, 6] = p.chunks
    w.log[row, 7] = p.evicted
    w.log_size[0] = row + 1


@loop(types.int64(WORLD, *HOOKS, types.int64[::1], types.int64[::1], types.float64[::1], types.int64[::1], types.int64))
def serve(
    w: Any,
    choose: Any,
    rank: Any,
    budget: Any,
    admit: Any,
    score: Any,
    retain: Any,
    learn: Any,
    seconds: Any,
    first: Any,
    tree: Any,
    ends: Any,
    pending: Any,
    until: int,
) -> int:
    """Run until `until` more requests have ended (or nothing is left); return how many have.

    `first[0]` is the next request of the trace, `first[1]` the heap of arrivals to come, `first[2]` the number of
    replicas in `pending`, which compose a pass at the instant `ends[-1]`. All of it survives between calls, so that
    a caller can show progress.
    """
    h = Hooks(choose, rank, budget, admit, score, retain, learn, seconds)
    requests = w.requests
    done = 0
    now = ends[-1]
    while done < until:
        a = upcoming(w, first)
        coming = arrival(w, a)
        r = tree[1]
        over = ends[r]
        if over <= now or (first[2] == 0 and over <= coming):
            if math.isinf(over):
                break
            now = over
            ends[r] = math.inf
            settle(tree, ends, r)
            if len(w.log) > 0:
                write_log(w, r)
            land(w, r)
            done += end_served(w, h, now, r, first)
            wake(pending, first, r)
        elif coming <= now or first[2] == 0:
            now = max(now, coming)
            take(w, first, a)
            r = arrive(w, h, now, a)
            if rules_of(w).retain and requests[a].parent != NONE:
                follow(w, requests[requests[a].parent].replica, tree, ends)
            if r == NONE:
                done += end(w, now, a, first)
            elif ends[r] == math.inf:
                wake(pending, first, r)
            elif pool(w, r).waiting == a:
                interrupt(w, r, now)
                ends[r] = pool(w, r).end
                settle(tree, ends, r)
        else:
            for k in range(first[2]):
                r = pending[k]
                compose(w, h, now, r)
                done += end_dropped(w, now, r, first)
                launch(w, h, now, r)
                ends[r] = pool(w, r).end
                settle(tree, ends, r)
            first[2] = 0
    ends[-1] = now
    return done


def fresh(replicas: int) -> tuple[Any, Any, Any, Any]:
    """Return the loop's own state at time 0: `first`, `tree`, `ends`, `pending`."""
    half = 1 << max(0, (replicas - 1).bit_length())
    tree = np.zeros(2 * half, np.int64)
    tree[half:] = np.arange(half)
    for place in range(half - 1, 0, -1):
        tree[place] = tree[2 * place]
    ends = np.full(half + 1, np.inf)
    ends[-1] = 0.0
    return np.array([0, NONE, 0], np.int64), tree, ends, np.zeros(replicas, np.int64)
