"""The event loop of a row: phases that end, samples, readings, commands that land, brakes.

Between two events nothing changes, so the loop jumps from one to the next. The clocks of all servers of a priority
change together; then the rest of their phases is stretched.
"""

from typing import Any

import numpy as np

from evenly.kernel.compiling import helper, loop
from evenly.kernel.row.records import IDLE, PROMPT, RUN, TOKEN

PHASE, LANDING, BRAKE, RELEASE, SAMPLE, READING, BIN, END = 0, 1, 2, 3, 4, 5, 6, 7  # at one time, in this order


@helper
def set_pace(rules: Any, state: Any, clocks: Any, pace: Any) -> None:
    """Fill in speed and power of both priorities at the clocks that now hold."""
    r = rules[0]
    for group in range(2):
        clock = min(clocks[state[0].level, group], r.top)
        pace[group, 0] = 1.0 - r.prompt_loss * (1.0 - clock / r.top)
        pace[group, 1] = 1.0 - r.token_loss * (1.0 - clock / r.top)
        if state[0].braked != 0:
            clock = min(clock, r.brake_clock)
            pace[group, 0] = r.brake_prompt
            pace[group, 1] = r.brake_token
        pace[group, 2] = (clock / r.top) ** r.exponent


@helper
def drawn(rules: Any, servers: Any, requests: Any, pace: Any, s: int) -> float:
    """Return the watts of a server in its phase at the clocks that hold."""
    r = rules[0]
    own = servers[s]
    if own.phase == IDLE:
        return float(r.rest_idle + r.idle)
    top = r.token
    if own.phase == PROMPT:
        top = requests[own.next - 1].watts
    return float(r.rest_busy + r.idle + (top - r.idle) * pace[own.group, 2])


@helper
def charge(rules: Any, servers: Any, spent: Any, now: float, s: int) -> None:
    """Add the energy of a server since its power last changed to its bin; bins end with an event of their own."""
    place = min(int(servers[s].since / rules[0].bin + 1e-9), len(spent) - 1)
    spent[place, s] += servers[s].watts * (now - servers[s].since)
    servers[s].since = now


@helper
def weigh(rules: Any, state: Any, now: float) -> None:
    """Note the peak, and when the row begins or ceases to draw more than its budget."""
    now_over = state[0].watts > rules[0].budget * (1.0 + 1e-12)
    state[0].peak = max(state[0].peak, state[0].watts)
    if now_over and np.isnan(state[0].over_since):
        state[0].over_since = now
    if not now_over and not np.isnan(state[0].over_since):
        lasted = now - state[0].over_since
        state[0].over += lasted
        state[0].longest = max(state[0].longest, lasted)
        state[0].over_since = np.nan


@helper
def advance(servers: Any, requests: Any, pace: Any, due: Any, now: float, s: int) -> None:
    """End the phase of a server that is due, and begin the next one."""
    own = servers[s]
    group = own.group
    if own.phase == PROMPT:
        servers[s].phase = TOKEN
        due[s] = now + requests[own.next - 1].decode / pace[group, 1]
        return
    if own.phase == TOKEN:
        requests[own.next - 1].end = now
    if own.next < own.last and requests[own.next].arrival <= now:
        requests[own.next].begin = now
        due[s] = now + requests[own.next].prompt / pace[group, 0]
        servers[s].next += 1
        servers[s].phase = PROMPT
        return
    servers[s].phase = IDLE
    due[s] = requests[own.next].arrival if own.next < own.last else np.inf


@helper
def count(rules: Any, state: Any, clocks: Any, now: float) -> None:
    """Add the time since the clocks last changed to what held: the brake, or clocks below the highest."""
    lasted = now - state[0].clock_since
    state[0].clock_since = now
    if state[0].braked != 0:
        state[0].brake_time += lasted
        return
    if clocks[state[0].level, 0] < rules[0].top:
        state[0].capped_high += lasted
    if clocks[state[0].level, 1] < rules[0].top:
        state[0].capped_low += lasted


@helper
def turn(
    rules: Any,
    state: Any,
    servers: Any,
    requests: Any,
    clocks: Any,
    pace: Any,
    due: Any,
    spent: Any,
    now: float,
    level: int,
    on: int,
) -> None:
    """Put new clocks in force: `level`, and the brake if `on`; stretch what is left of every phase."""
    count(rules, state, clocks, now)
    for s in range(len(servers)):
        charge(rules, servers, spent, now, s)
        if servers[s].phase != IDLE:
            due[s] = (due[s] - now) * pace[servers[s].group, servers[s].phase - 1]  # at full clock
    state[0].level, state[0].braked = level, on
    set_pace(rules, state, clocks, pace)
    state[0].watts = 0.0
    for s in range(len(servers)):
        if servers[s].phase != IDLE:
            due[s] = now + due[s] / pace[servers[s].group, servers[s].phase - 1]
        servers[s].watts = drawn(rules, servers, requests, pace, s)
        state[0].watts += servers[s].watts
    weigh(rules, state, now)


@helper
def change(
    rules: Any, state: Any, servers: Any, requests: Any, pace: Any, due: Any, spent: Any, now: float, s: int
) -> None:
    """Let a server go into its next phase."""
    charge(rules, servers, spent, now, s)
    before = servers[s].watts
    advance(servers, requests, pace, due, now, s)
    servers[s].watts = drawn(rules, servers, requests, pace, s)
    state[0].watts += servers[s].watts - before
    weigh(rules, state, now)


@helper
def look(rules: Any, state: Any, clocks: Any, samples: Any, times: Any, choose: Any, memory: Any, now: float) -> None:
    """Take in a reading: brake if it is too high, and ask the policy, whose command goes if none is under way."""
    r, p = rules[0], samples[state[0].read]
    state[0].read += 1
    times[READING] = state[0].read * r.tick + r.telemetry if state[0].read < state[0].sampled else np.inf
    if p > r.limit and times[BRAKE] == np.inf and times[RELEASE] == np.inf:
        times[BRAKE] = now + r.latency
    level = choose(now, p, state[0].level, state[0].moving, memory)
    if not 0 <= level < len(clocks):
        state[0].refused += 1
        state[0].wrong = level
    elif state[0].moving < 0 and level != state[0].level:
        state[0].moving = level
        times[LANDING] = now + r.actuation
        state[0].commands += 1


@helper
def sample(rules: Any, state: Any, clocks: Any, samples: Any, levels: Any, times: Any) -> None:
    """Write down the power of the row, and when that is read."""
    k = state[0].sampled
    samples[k] = state[0].watts / rules[0].budget
    levels[k] = len(clocks) if state[0].braked != 0 else state[0].level
    state[0].sampled = k + 1
    times[SAMPLE] = (k + 1) * rules[0].tick if k + 1 < len(samples) else np.inf
    if times[READING] == np.inf:
        times[READING] = k * rules[0].tick + rules[0].telemetry


@helper
def press(rules: Any, state: Any, times: Any, braking: Any, now: float) -> None:
    """Count a brake and note when it began and when it is released."""
    if state[0].brakes < len(braking):
        braking[state[0].brakes] = now
    state[0].brakes += 1
    times[BRAKE], times[RELEASE] = np.inf, now + rules[0].hold


@helper
def settle(rules: Any, state: Any, servers: Any, spent: Any, now: float) -> None:
    """End a bin of the energy, and sum up the power anew, so that rounding never adds up."""
    state[0].watts = 0.0
    for s in range(len(servers)):
        charge(rules, servers, spent, now, s)
        state[0].watts += servers[s].watts


@loop(RUN)
def run(
    rules: Any,
    state: Any,
    servers: Any,
    requests: Any,
    clocks: Any,
    pace: Any,
    due: Any,
    times: Any,
    samples: Any,
    levels: Any,
    spent: Any,
    braking: Any,
    choose: Any,
    memory: Any,
) -> None:
    """Run a row from time 0 to the end of its rules; all arrays are filled in place, `due` and `times` are scratch."""
    own = state[0]
    turn(rules, state, servers, requests, clocks, pace, due, spent, 0.0, own.level, own.braked)
    times[:] = np.inf
    times[SAMPLE], times[BIN], times[END] = 0.0, rules[0].bin, rules[0].end
    bins, what, now, who = 1, PHASE, 0.0, 0
    while what != END and not (rules[0].first != 0.0 and own.brakes > 0):
        if what <= RELEASE:  # all other events leave the phases alone
            who = int(due.argmin())  # the lowest of those that end together
            times[PHASE] = due[who]
        what = int(times.argmin())
        now = times[what]
        if what == PHASE:
            change(rules, state, servers, requests, pace, due, spent, now, who)
        elif what == LANDING:
            turn(rules, state, servers, requests, clocks, pace, due, spent, now, own.moving, own.braked)
            own.moving, times[LANDING] = -1, np.inf
        elif what == BRAKE:
            press(rules, state, times, braking, now)
            turn(rules, state, servers, requests, clocks, pace, due, spent, now, own.level, 1)
        elif what == RELEASE:
            times[RELEASE] = np.inf
            turn(rules, state, servers, requests, clocks, pace, due, spent, now, own.level, 0)
        elif what == SAMPLE:
            sample(rules, state, clocks, samples, levels, times)
        elif what == READING:
            look(rules, state, clocks, samples, times, choose, memory, now)
        elif what == BIN:
            settle(rules, state, servers, spent, now)
            bins += 1
            times[BIN] = bins * rules[0].bin
    turn(rules, state, servers, requests, clocks, pace, due, spent, now, own.level, own.braked)
    if not np.isnan(own.over_since):
        own.over += now - own.over_since
        own.longest = max(own.longest, now - own.over_since)
    own.stopped = now
