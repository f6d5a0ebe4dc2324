"""Run a composed pass, and as many equal ones after it as nothing interrupts."""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import tally
from evenly.kernel.serving.host_cache import save
from evenly.kernel.serving.records import DECODING, FILLING, LONGEST, NONE, ONE, PREFILL_FIRST, STARVED
from evenly.kernel.serving.retain import keep, next_expiry
from evenly.kernel.serving.seating import (
    FOREVER,
    blocks_for,
    decode,
    grab,
    last_token,
    release,
    rescan,
    stand_up,
    undecode,
    unfill,
)
from evenly.kernel.serving.views import flow_at, pool, request_at, rules_of, seat_at, seat_in_line, seen


@helper
def length(p: Any, passes: int) -> float:
    """Return the seconds of the first `passes` passes of a stretch."""
    return passes * p.first + p.growth * (passes * (passes - 1) // 2)


@helper
def blocks_over(w: Any, r: int, tick: int, passes: int) -> int:
    """Return the blocks that the decodes need in `passes` passes from `tick` on."""
    size = rules_of(w).block
    need = (passes // size) * pool(w, r).decodes
    if rules_of(w).reserve == LONGEST:
        return 0
    phase = tick % size
    for _ in range(passes % size):
        need += w.phase[r, phase]
        phase += 1
        if phase == size:
            phase = 0
    return need


@helper
def longest_stretch(w: Any, r: int, passes: int) -> int:
    """Return how many of `passes` equal passes the free blocks suffice for, at least 1."""
    p = pool(w, r)
    size = rules_of(w).block
    if blocks_over(w, r, p.tick + 1, passes - 1) <= p.free:
        return passes
    rounds = min((passes - 1) // size, p.free // p.decodes)
    left = p.free - rounds * p.decodes
    done = 1 + rounds * size
    phase = (p.tick + done) % size
    while done < passes:
        left -= w.phase[r, phase]
        if left < 0:
            break
        done += 1
        phase += 1
        if phase == size:
            phase = 0
    return done


@helper
def passes_until(p: Any, now: float) -> int:
    """Return the number, from 1, of the pass of a stretch during which `now` falls."""
    gone = now - p.start
    middle = p.first - 0.5 * p.growth
    guess = 2.0 * gone / (middle + math.sqrt(max(0.0, middle * middle + 2.0 * p.growth * gone)))
    passes = max(1, min(p.passes, int(guess)))
    while passes > 1 and p.start + length(p, passes - 1) >= now:
        passes -= 1
    while passes < p.passes and p.start + length(p, passes) < now:
        passes += 1
    return passes


@helper
def interrupt(w: Any, r: int, now: float) -> None:
    """End a stretch with the pass during which `now` falls."""
    p = pool(w, r)
    if p.passes == 1:
        return
    p.passes = passes_until(p, now)
    p.end = p.start + length(p, p.passes)


@helper
def launch(w: Any, h: Any, now: float, r: int) -> None:
    """Start the composed pass of a replica, or leave it idle if the pass is empty."""
    p = pool(w, r)
    rules = rules_of(w)
    fleet = seen(w, r)
    if p.ran == 0 and p.chunks == 0:
        p.running = 0
        p.end = math.inf
        return
    context = p.base + p.decodes * p.tick
    longest = p.longest + p.tick if p.ran > 0 else 0
    if p.ran < p.decodes and p.ran > 0:
        context, longest = ran_context(w, r)
    elif p.ran == 0:
        context = 0
    first, growth, passes = h.seconds(
        w.chunk[r, : p.chunks],
        w.before[r, : p.chunks],
        p.ran,
        float(context),
        longest,
        w.tables[p.tables : p.tables_end],
    )
    p.start = now
    p.first = rules.host_seconds + first * rules.slowdown + p.moved * rules.swap_seconds
    p.growth = growth * rules.slowdown
    p.passes = 1
    p.counted = 0
    stable = p.chunks == 0 and p.starved == 0 and p.stalled == 0 and p.held == 0 and p.moved == 0
    if stable and p.evicted == 0 and rules.step == 0:
        reach = min(p.next_end - p.tick, int(min(passes, 1e15)))
        if reach > 1:
            p.passes = longest_stretch(w, r, reach)
    p.running = 1
    p.end = now + length(p, p.passes)
    if p.kept != NONE and p.passes > 1:  # blocks join the free ones in the order in which their times are over
        until = next_expiry(w, r)
        if until < p.end:
            interrupt(w, r, until)
    fleet.resident = context
    fleet.free = p.free
    fleet.work = fleet.queued_tokens * p.full + p.first


@helper
def ran_context(w: Any, r: int) -> tuple[int, int]:
    """Return total and longest context of the decodes in the pass, where some were left out."""
    p = pool(w, r)
    total = 0
    longest = 0
    for place in range(p.seated):
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state == DECODING:
            total += seat.base + p.tick
            longest = max(longest, seat.base + p.tick)
    return total, longest


@helper
def write_tokens(w: Any, r: int) -> None:
    """Record the times of all tokens that the stretch gives to the decodes."""
    p = pool(w, r)
    for place in range(p.seated):
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state == DECODING:
            i = seat.request
            at = w.token_at[i] + request_at(w, i).output - (seat.end - p.tick)
            for k in range(p.passes):
                w.tokens[at + k] = p.start + length(p, k + 1)


@helper
def count_stretch(w: Any, r: int) -> None:
    """Count the gaps between the last tokens of the decodes and those of the stretch."""
    p = pool(w, r)
    if p.stalled == 0 and p.starved == 0:
        tally.count_gaps(w, p.first, p.growth, p.passes, p.ran)
        tally.remember_gap(w, r, p.first + max(0.0, p.growth * (p.passes - 1)))
        return
    # Some waited longer than others: one by one, equal neighbours together.
    same = 0
    gap = 0.0
    for place in range(p.seated):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        if seat.state == DECODING:
            mine = p.end - last_token(w, r, s)
            seat.worst = max(seat.worst, mine)
            if same > 0 and mine != gap:
                tally.count_gap(w, gap, same)
                same = 0
            gap = mine
            same += 1
    if same > 0:
        tally.count_gap(w, gap, same)


@helper
def settle_starved(w: Any, r: int) -> None:
    """Put decodes that were left out of the pass one tick back, and note when the others got their token."""
    p = pool(w, r)
    size = rules_of(w).block
    for place in range(p.seated):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        if seat.state == STARVED:
            seat.joined = last_token(w, r, s)
            undecode(w, r, s)
            seat.base -= 1
            seat.end += 1
            seat.state = DECODING
            seat.index = p.emissions
            p.decodes += 1
            p.base += seat.base
            w.phase[r, (-seat.base) % size] += 1
        elif seat.state == DECODING:
            seat.worst = max(seat.worst, tally.worst_since(w, r, seat.index))
            seat.joined = p.end
            seat.index = p.emissions
    rescan(w, r)


@helper
def serve_flows(w: Any, r: int, passes: int) -> None:
    """Count the tokens that the first `passes` passes of the stretch gave to decodes, by user or program."""
    p = pool(w, r)
    for place in range(p.seated if passes > p.counted else 0):
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state == DECODING:
            flow_at(w, r, seat.request).output += passes - p.counted
    p.counted = passes


@helper
def tell_flows(w: Any, r: int, now: float) -> None:
    """Count the passes that ended until `now`, in the middle of a stretch, for an order that is asked now."""
    p = pool(w, r)
    if p.running == 0 or p.passes == 1:
        return
    passes = passes_until(p, now)
    serve_flows(w, r, passes if p.start + length(p, passes) <= now else passes - 1)


@helper
def finish_chunks(w: Any, r: int) -> None:
    """Advance the prompts of the pass; those that are complete give a token and become decodes."""
    p = pool(w, r)
    for k in range(p.chunks):
        s = r * w.line.shape[1] + w.who[r, k]
        seat = seat_at(w, s)
        seat.filled += w.chunk[r, k]
        p.computed += w.chunk[r, k]
        if seat.filled < seat.target:
            continue
        request = request_at(w, seat.request)
        unfill(w, r, seat.at)
        if rules_of(w).flows:
            flow_at(w, r, seat.request).output += 1
        if request.generated == 0:
            request.first_token = p.end
        else:
            gap = p.end - request.last
            tally.count_gap(w, gap, ONE)
            seat.worst = gap
        if len(w.tokens) > 0:
            w.tokens[w.token_at[seat.request] + request.generated] = p.end
        left = request.output - request.generated - 1
        decode(w, r, s, left, seat.target, p.end)


@helper
def land(w: Any, r: int) -> None:
    """Account for the stretch that just ended on a replica; requests that are done stay seated until `leave`."""
    p = pool(w, r)
    rules = rules_of(w)
    now = p.end
    free = p.free
    if p.ran > 0:
        if len(w.tokens) > 0:
            write_tokens(w, r)
        count_stretch(w, r)
        if rules.flows:
            serve_flows(w, r, p.passes)
        if p.passes > 1:
            grab(w, r, blocks_over(w, r, p.tick + 1, p.passes - 1))
        p.tick += p.passes
        if p.starved > 0:
            settle_starved(w, r)
            p.stalled = 1
        else:
            p.emissions += p.passes
            p.emitted = now
            p.stalled = 0
    elif p.decodes > 0:
        p.stalled = 1
        for place in range(p.seated if p.starved > 0 else 0):
            seat = seat_at(w, seat_in_line(w, r, place))
            if seat.state == STARVED:
                seat.state = DECODING
    tokens = p.ran * p.passes
    for k in range(p.chunks):
        tokens += w.chunk[r, k]
    blocks = float(seen(w, r).blocks)
    used = 1.0 - 0.5 * (free + p.free) / blocks
    tally.spread(w, r, p.start, now, used, float(tokens))
    p.busy += now - p.start
    p.steps += p.passes
    p.computed += p.ran * p.passes
    p.least_free = min(p.least_free, p.free)
    if rules.compose == PREFILL_FIRST and p.chunks > 0:
        p.last_prefill = now - p.start
    finish_chunks(w, r)


@helper
def leave(w: Any, h: Any, r: int) -> int:
    """Let one request that is done leave; return it, or `NONE`. Call until `NONE`."""
    done = next_done(w, r)
    return NONE if done == NONE else finish(w, h, r, done)


@helper
def next_done(w: Any, r: int) -> int:
    """Return the place in the line of a request that is done, or `NONE`; it must leave before the next call."""
    p = pool(w, r)
    if p.next_end > p.tick:
        return NONE
    done = NONE
    next_end = FOREVER
    longest = -FOREVER
    for place in range(p.seated):  # finds who is done, and what `rescan` would find among the others
        seat = seat_at(w, seat_in_line(w, r, place))
        if seat.state == FILLING:
            continue
        if done == NONE and seat.end <= p.tick:
            done = place
            continue
        next_end = min(next_end, seat.end)
        longest = max(longest, seat.base)
    p.next_end = next_end
    p.longest = longest
    return done


@helper
def close(w: Any, r: int, s: int) -> int:
    """Note when the request of a decode ended, and its longest gap; return it."""
    i = seat_at(w, s).request
    request = request_at(w, i)
    request.finish = pool(w, r).end
    worst = max(seat_at(w, s).worst, tally.worst_since(w, r, seat_at(w, s).index))
    request.worst_gap = max(request.worst_gap, worst)
    return i


@helper
def finish(w: Any, h: Any, r: int, place: int) -> int:
    """Let the decode at a place of the line leave; return its request."""
    p = pool(w, r)
    s = seat_in_line(w, r, place)
    seat = seat_at(w, s)
    i = close(w, r, s)
    tokens = seat.base + p.tick
    blocks = blocks_for(w, rules_of(w).longest if rules_of(w).reserve == LONGEST else tokens)
    release(w, r, s, blocks, tokens)
    if rules_of(w).learns:
        h.learn(p.end, i, w.requests, w.retain_memory)
    if rules_of(w).retain:
        keep(w, h, p.end, r, i, tokens)
    if rules_of(w).host_cache > 0:
        save(w, r, p.end, i, tokens, False)
    undecode(w, r, s)
    stand_up(w, r, place)
    return i
