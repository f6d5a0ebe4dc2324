"""The lane of the prompts: start a pass, end it, and hand computed prompts to the decodes, by a link if they are apart.

A seat whose prompt is computed waits for the decodes' next pass. Its `table` says how far it is; a lane has no prefix
cache that would use that field.
"""

import math
from typing import Any

import numpy as np

from evenly.kernel.compiling import helper
from evenly.kernel.serving import tally
from evenly.kernel.serving.admit import admit
from evenly.kernel.serving.compose import continue_prompts
from evenly.kernel.serving.lanes import fill, hear, write_row
from evenly.kernel.serving.records import APART, DECODING, FILLING, HOST, IDLE, NONE, ONE
from evenly.kernel.serving.seating import blocks_for, release, stand_up, unfill
from evenly.kernel.serving.views import flow_at, lane_of, pool, request_at, rules_of, seat_at, seat_in_line

LEAVES, MOVES, JOINS = np.int64(1), np.int64(2), np.int64(3)  # waits for the link, is on it, waits for the decodes


@helper
def swap_sides(w: Any, r: int) -> None:
    """Exchange the free blocks of the decodes' device with those of the prompts' own; call it twice."""
    p = pool(w, r)
    lane = lane_of(w, r)
    if rules_of(w).lanes == APART:
        p.free, lane.side_free = lane.side_free, p.free


@helper
def start_prompts(w: Any, h: Any, now: float, r: int) -> None:
    """Fill the next pass of prompts: unfinished ones, then waiting ones, until the budget is spent."""
    p = pool(w, r)
    lane = lane_of(w, r)
    rules = rules_of(w)
    p.chunks = 0
    p.held = 0
    swap_sides(w, r)
    room = min(h.budget(now, p.decodes, p.base + p.decodes * p.tick, w.budget_memory), rules.budget)
    room = continue_prompts(w, r, room)
    admit(w, h, now, r, room)
    swap_sides(w, r)
    lane.side_least = min(lane.side_least, lane.side_free)
    p.least_free = min(p.least_free, p.free)
    if p.chunks == 0:
        return
    first = h.seconds(w.chunk[r, : p.chunks], w.before[r, : p.chunks], 0, 0.0, 0, w.tables)[0]
    lane.phase = HOST
    lane.start = now
    lane.until = now + rules.host_seconds
    lane.work = first * rules.slowdown


@helper
def land_prompts(w: Any, r: int, now: float) -> None:
    """End the pass of prompts: those that are complete give a token and wait for the decodes, or are done."""
    p = pool(w, r)
    lane = lane_of(w, r)
    tokens = 0
    for k in range(p.chunks):
        s = r * w.line.shape[1] + w.who[r, k]
        seat = seat_at(w, s)
        seat.filled += w.chunk[r, k]
        tokens += w.chunk[r, k]
        if seat.filled == seat.target:
            first_token(w, r, s, now)
    p.computed += tokens
    p.steps += 1
    lane.seen += 1
    lane.phase = IDLE
    lane.until = math.inf
    fill(w, r, tally.TOKENS, lane.start, now, float(tokens))
    write_row(w, r, lane.start, now, 1, 0, tokens, p.chunks, 0)
    p.chunks = 0


@helper
def first_token(w: Any, r: int, s: int, now: float) -> None:
    """Give the token of a computed prompt; the seat then waits, or is free if that was the request's last one."""
    seat = seat_at(w, s)
    request = request_at(w, seat.request)
    unfill(w, r, seat.at)
    if rules_of(w).flows:
        flow_at(w, r, seat.request).output += 1
    if request.generated == 0:
        request.first_token = now
        hear(w, seat.request)
    else:
        seat.worst = now - request.last
        tally.count_gap(w, seat.worst, ONE)
    if len(w.tokens) > 0:
        w.tokens[w.token_at[seat.request] + request.generated] = now
    seat.joined = now
    if request.output > request.generated + 1:
        seat.table = LEAVES if rules_of(w).lanes == APART else JOINS
        lane_of(w, r).joining += 1
        return
    request.finish = now
    request.worst_gap = max(request.worst_gap, seat.worst)
    swap_sides(w, r)
    release(w, r, s, blocks_for(w, seat.target), seat.target)
    swap_sides(w, r)
    seat.state = DECODING  # no longer among those that compute their prompt
    place = 0
    while w.line[r, place] != seat.at:
        place += 1
    stand_up(w, r, place)
    request.next = lane_of(w, r).ended
    lane_of(w, r).ended = seat.request


@helper
def ended(w: Any, r: int) -> int:
    """Return a request whose only token was its first, or `NONE`. Call until `NONE`."""
    i = lane_of(w, r).ended
    if i != NONE:
        lane_of(w, r).ended = request_at(w, i).next
    return i


@helper
def load_link(w: Any, r: int, now: float) -> None:
    """Send the KV of the first prompt that waits for it, if the decodes' device has room; else it stays where it is."""
    p = pool(w, r)
    lane = lane_of(w, r)
    rules = rules_of(w)
    if lane.arrives < math.inf:
        return
    for place in range(p.seated):
        s = seat_in_line(w, r, place)
        seat = seat_at(w, s)
        if seat.state == FILLING and seat.table == LEAVES:
            need = blocks_for(w, seat.target)
            if p.free - need < (rules.watermark if p.free < lane.blocks else 0):
                return
            p.free -= need
            p.least_free = min(p.least_free, p.free)
            seat.table = MOVES
            lane.moving = s
            lane.arrives = now + rules.link_wait + seat.target * rules.link_seconds
            return


@helper
def unload_link(w: Any, r: int) -> None:
    """Let the prompt whose KV arrived join the decodes; its blocks on the prompts' device are free."""
    lane = lane_of(w, r)
    seat = seat_at(w, lane.moving)
    lane.side_free += blocks_for(w, seat.target)
    seat.table = JOINS
    lane.arrives = math.inf
    lane.moving = NONE
