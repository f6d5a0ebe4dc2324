"""Two lanes on one replica: prompts on one, decodes on the other, each with host work that the other does not wait for.

A pass is host work, during which its lane does not use the device, then device work. Device work goes on at a rate
that follows from the lane's share of the device; where the shares add up to more than the device, a lane is faster
while the other one is not on it. Decodes run in stretches of equal passes as on one lane: at a fixed rate the length
of a pass stays affine in its number. Only when prompts come onto the device or leave it does the rate of the decodes
change, in the middle of a pass: `advance` then accounts for the passes that are complete and leaves one under way.

The decode lane uses the fields that a pool has for its passes; the prompt lane has its own in `LANE`.
"""

import math
from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving import tally
from evenly.kernel.serving.passes import blocks_over, count_stretch, length, passes_until, serve_flows, write_tokens
from evenly.kernel.serving.records import APART, DEVICE, IDLE
from evenly.kernel.serving.seating import grab
from evenly.kernel.serving.views import lane_of, pool, rules_of, seen


@helper
def speed(w: Any, share: float) -> float:
    """Return the rate of decodes on a share of the device, by the fitted law of the time a token."""
    rules = rules_of(w)
    return (rules.slope + rules.floor) / (rules.slope / share + rules.floor)


@helper
def crowding(w: Any, r: int) -> float:
    """Return what the shares of both lanes are divided by while both are on the device."""
    lane = lane_of(w, r)
    if rules_of(w).lanes == APART:
        return 1.0
    return max(1.0, lane.prompt_share + lane.decode_share)


@helper
def decode_rate(w: Any, r: int) -> float:
    """Return the rate of the decodes as things stand."""
    lane = lane_of(w, r)
    share = lane.decode_share
    if lane.phase == DEVICE:
        share /= crowding(w, r)
    return speed(w, share)


@helper
def on_device(w: Any, r: int, at: float) -> float:
    """Return the seconds for which the decodes were on the device from `lane.since` until `at`."""
    p = pool(w, r)
    lane = lane_of(w, r)
    if p.running == 0:
        return 0.0
    if p.passes == 1:
        return max(0.0, at - lane.since - lane.host)
    k = passes_until(p, at)
    host = rules_of(w).host_seconds
    whole = length(p, k - 1)
    return whole - (k - 1) * host + max(0.0, at - p.start - whole - host)


@helper
def gone(w: Any, r: int, at: float) -> float:
    """Return the work that prompts on the device do from `lane.since` until `at`, beside the decodes under way."""
    lane = lane_of(w, r)
    shared = on_device(w, r, at)
    return (at - lane.since - shared) * lane.prompt_share + shared * lane.prompt_share / crowding(w, r)


@helper
def reach(w: Any, r: int, work: float) -> float:
    """Return when prompts on the device will have done `work` since `lane.since`; infinite if the decodes end before.

    That end is an event of its own, after which the question is asked again.
    """
    p = pool(w, r)
    lane = lane_of(w, r)
    alone = lane.prompt_share
    both = alone / crowding(w, r)
    if p.running == 0 or alone == both:
        return lane.since + work / alone
    if p.passes == 1:
        if lane.host * alone >= work:
            return lane.since + work / alone
        at = lane.since + lane.host + (work - lane.host * alone) / both
        return at if at <= p.end else math.inf
    host = rules_of(w).host_seconds
    if p.passes * host * alone + (length(p, p.passes) - p.passes * host) * both < work:
        return math.inf
    low = 0  # complete passes of the decodes before that
    high = p.passes - 1
    while low < high:
        middle = (low + high + 1) // 2
        if middle * host * alone + (length(p, middle) - middle * host) * both < work:
            low = middle
        else:
            high = middle - 1
    work -= low * host * alone + (length(p, low) - low * host) * both
    if host * alone >= work:
        return p.start + length(p, low) + work / alone
    return p.start + length(p, low) + host + (work - host * alone) / both


@helper
def advance(w: Any, r: int, now: float) -> None:
    """Account for all passes that are complete at `now`, and for the work that the lanes did in those under way."""
    p = pool(w, r)
    lane = lane_of(w, r)
    if lane.phase == DEVICE and now > lane.at:
        before = gone(w, r, lane.at)
        lane.work = max(0.0, lane.work - (gone(w, r, now) - before))
        lane.at = now
    if p.running == 0 or p.passes == 1 or now >= p.end:
        return
    k = passes_until(p, now)
    whole = length(p, k - 1)
    last = p.first + p.growth * (k - 1)
    if k > 1:
        p.passes = k - 1
        p.end = p.start + whole
        land_decodes(w, r)
        p.start = p.end
        grab(w, r, w.phase[r, p.tick % rules_of(w).block])
        p.counted = 0
    p.passes = 1
    p.first = last
    p.end = p.start + last
    lane.since = p.start
    lane.host = rules_of(w).host_seconds
    lane.load = (last - lane.host) * lane.rate


@helper
def land_decodes(w: Any, r: int) -> None:
    """Account for the decode stretch that ends at `pool.end`; requests that are done stay seated until `leave`."""
    p = pool(w, r)
    if len(w.tokens) > 0:
        write_tokens(w, r)
    count_stretch(w, r)
    if rules_of(w).flows:
        serve_flows(w, r, p.passes)
    if p.passes > 1:
        grab(w, r, blocks_over(w, r, p.tick + 1, p.passes - 1))
    write_row(w, r, p.start, p.end, p.passes, p.ran, 0, 0, p.evicted)
    p.evicted = 0
    p.tick += p.passes
    p.emissions += p.passes
    p.emitted = p.end
    p.stalled = 0
    p.steps += p.passes
    lane_of(w, r).seen += p.passes
    p.computed += p.ran * p.passes
    p.least_free = min(p.least_free, p.free)
    fill(w, r, tally.TOKENS, p.start, p.end, float(p.ran * p.passes))


@helper
def retime(w: Any, r: int, now: float) -> None:
    """Set when the passes under way end, after something changed at `now`, to which both lanes were advanced."""
    p = pool(w, r)
    lane = lane_of(w, r)
    if p.running and p.end > now:  # one pass, if the rate changes: what changes it comes after `advance`
        rate = decode_rate(w, r)
        if rate != lane.rate:
            spent = now - lane.since
            lane.load = max(0.0, lane.load - max(0.0, spent - lane.host) * lane.rate)
            lane.host = max(0.0, lane.host - spent)
            lane.since = now
            lane.rate = rate
            p.end = now + lane.host + lane.load / rate
            p.first = p.end - p.start
    if p.running == 0:
        lane.since = now
    if lane.phase == DEVICE:
        lane.until = max(now, reach(w, r, lane.work + gone(w, r, lane.at)))


@helper
def next_event(w: Any, r: int) -> float:
    """Return when the next thing happens on a replica."""
    p = pool(w, r)
    lane = lane_of(w, r)
    at = min(lane.ready, lane.arrives)
    if lane.phase != IDLE:
        at = min(at, lane.until)
    if p.running:
        at = min(at, p.end)
    return at


@helper
def account(w: Any, r: int, now: float) -> None:
    """Add the time since the last event to what the load counts: a lane of a device of its own counts half."""
    p = pool(w, r)
    lane = lane_of(w, r)
    busy = 1.0 if p.running or lane.phase != IDLE else 0.0
    if rules_of(w).lanes == APART:
        busy = 0.5 * (p.running + (1 if lane.phase != IDLE else 0))
    if busy > 0.0 and now > lane.counted:
        busy *= now - lane.counted
        used = 1.0 - 0.5 * (lane.free + p.free) / float(seen(w, r).blocks)
        fill(w, r, tally.BUSY, lane.counted, now, busy)
        fill(w, r, tally.KV, lane.counted, now, used * busy)
        p.busy += busy
    lane.used += (now - lane.counted) * (lane.blocks - 0.5 * (lane.free + p.free))
    lane.side_used += (now - lane.counted) * (lane.blocks - lane.side_free)
    lane.counted = now
    lane.free = p.free


@helper
def fill(w: Any, r: int, channel: int, start: float, end: float, amount: float) -> None:
    """Spread an amount evenly over the time bins from `start` to `end`."""
    if end >= w.clock[0] * w.bins.shape[1]:
        tally.fold(w, end)
    width = w.clock[0]
    for place in range(int(start / width), int(end / width) + 1):
        part = min(end, (place + 1) * width) - max(start, place * width)
        if part > 0.0:
            w.bins[channel, place, r] += amount * part / (end - start)


@helper
def hear(w: Any, i: int) -> None:
    """Note that a request got its first token or ended, where somebody looks at the shares."""
    if len(w.heard) > 1:
        w.heard[0] += 1
        w.heard[w.heard[0]] = i


@helper
def write_row(
    w: Any,
    r: int,
    start: float,
    end: float,
    passes: int,
    decodes: int,
    tokens: int,
    prompts: int,
    evicted: int,
) -> None:
    """Append a stretch of one lane to the pass log, while there is room."""
    row = w.log_size[0]
    if row >= w.log.shape[0]:
        return
    w.log[row, 0] = r
    w.log[row, 1] = start
    w.log[row, 2] = end
    w.log[row, 3] = passes
    w.log[row, 4] = decodes
    w.log[row, 5] = tokens
    w.log[row, 6] = prompts
    w.log[row, 7] = evicted
    w.log_size[0] = row + 1
