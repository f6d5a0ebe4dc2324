"""The lane of the decodes: take in computed prompts, retract requests where blocks are missing, start a stretch."""

from typing import Any

from evenly.kernel.compiling import helper
from evenly.kernel.serving.compose import decode_need
from evenly.kernel.serving.lane_prompts import JOINS
from evenly.kernel.serving.lanes import decode_rate
from evenly.kernel.serving.passes import length, longest_stretch
from evenly.kernel.serving.preempt import victim_place
from evenly.kernel.serving.records import FILLING, ZERO
from evenly.kernel.serving.seating import decode, evict, held
from evenly.kernel.serving.views import lane_of, pool, request_at, rules_of, seat_at, seat_in_line, seen


@helper
def join(w: Any, r: int) -> None:
    """Make decodes of the seats whose prompt is computed, and whose KV is here."""
    p = pool(w, r)
    lane = lane_of(w, r)
    for place in range(p.seated if lane.joining > 0 else 0):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        if seat.state == FILLING and seat.table == JOINS:
            request = request_at(w, seat.request)
            worst = seat.worst
            decode(w, r, s, request.output - request.generated - 1, seat.target, seat.joined)
            seat.worst = worst
            seat.table = 0
            lane.joining -= 1
            p.stalled = 1  # its last token is not the others'


@helper
def start_decodes(w: Any, h: Any, now: float, r: int) -> None:
    """Start a stretch of all decodes; some are retracted first if the blocks for their next tokens are missing."""
    p = pool(w, r)
    lane = lane_of(w, r)
    rules = rules_of(w)
    join(w, r)
    p.evicted = 0
    while p.decodes > 0 and decode_need(w, r) > p.free:
        place = victim_place(w, h, now, r, True)
        evict(w, h, r, place, held(w, r, seat_in_line(w, r, place)), ZERO, now)
    if p.decodes == 0:
        return
    p.ran = p.decodes
    p.free -= decode_need(w, r)
    p.least_free = min(p.least_free, p.free)
    context = p.base + p.decodes * p.tick
    first, growth, passes = h.seconds(
        w.chunk[r, :0], w.before[r, :0], p.ran, float(context), p.longest + p.tick, w.tables
    )
    lane.since = now
    lane.host = rules.host_seconds
    lane.load = first * rules.slowdown
    lane.rate = decode_rate(w, r)
    p.start = now
    p.first = lane.host + lane.load / lane.rate
    p.growth = growth * rules.slowdown / lane.rate
    p.passes = 1
    p.counted = 0
    if p.stalled == 0 and p.held == 0 and p.evicted == 0 and rules.step == 0:
        reach = min(p.next_end - p.tick, int(min(passes, 1e15)))
        if rules.window > 0:
            reach = min(reach, max(1, rules.window - lane.seen))
        if reach > 1:
            p.passes = longest_stretch(w, r, reach)
    p.running = 1
    p.end = now + length(p, p.passes)
    seen(w, r).resident = context
    seen(w, r).work = seen(w, r).queued_tokens * p.full + p.first
