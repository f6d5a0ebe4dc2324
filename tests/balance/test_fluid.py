"""The fluid ideal agrees with fractions taken from event to event by everybody, and keeps its laws."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.balance.fair_clock import FairClock
from evenly.balance.fluid import fluid
from evenly.core import Floats, Ints

Jobs = list[tuple[int, int, int]]  # user, arrival, work
jobs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=8)
weights = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=4, max_size=4)


def by_hand(
    found: Jobs, rate: int, shares: list[float], until: Fraction | None = None
) -> tuple[list[Fraction], list[Fraction]]:
    """Return when each job ends, and each user's service until a time, in fractions."""
    left = [Fraction(work) for _, _, work in found]
    ends: list[Fraction | None] = [None] * len(found)
    served, now = [Fraction(0)] * 4, Fraction(0)
    while None in ends and (until is None or now < until):
        there = [job for job, (_, arrival, _) in enumerate(found) if arrival <= now and ends[job] is None]
        done = [job for job in there if left[job] == 0]
        for job in done:
            ends[job] = now
        if done:
            continue
        first = [job for job in there if shares[found[job][0]] > 0]
        active = first or there
        users = {found[job][0] for job in active}
        weight = {user: Fraction(shares[user]) if first else Fraction(1) for user in users}
        total = sum(weight.values())
        speed = {
            job: rate * weight[found[job][0]] / total / sum(found[other][0] == found[job][0] for other in active)
            for job in active
        }
        steps = [Fraction(arrival) - now for _, arrival, _ in found if arrival > now]
        steps += [left[job] / speed[job] for job in active]
        step = min(steps if until is None else [*steps, until - now])
        now += step
        for job in active:
            left[job] -= speed[job] * step
            served[found[job][0]] += speed[job] * step
    return [end if end is not None else Fraction(-1) for end in ends], served


def arrays(found: Jobs) -> tuple[Ints, Floats, Floats]:
    user, arrival, work = np.array(found).T
    return user, arrival.astype(float), work.astype(float)


@settings(max_examples=40)
@given(found=jobs, shares=weights, rate=st.integers(1, 3), time=st.integers(0, 40))
def test_the_fluid_is_that_of_fractions(found: Jobs, shares: list[float], rate: int, time: int) -> None:
    user, arrival, work = arrays(found)
    ideal = fluid(user, arrival, work, float(rate), np.array(shares))
    assert ideal.finish == pytest.approx([float(end) for end in by_hand(found, rate, shares)[0]], abs=1e-9)
    until = Fraction(time, 2)
    ours = [float(ideal.service(one, np.array([float(until)]))[0]) for one in sorted(set(user.tolist()))]
    exact = by_hand(found, rate, shares, until)[1]
    assert ours == pytest.approx([float(exact[one]) for one in sorted(set(user.tolist()))], abs=1e-9)


@settings(max_examples=50)
@given(found=jobs, rate=st.integers(1, 3))
def test_a_deadline_is_never_later_than_the_end_in_equal_shares(found: Jobs, rate: int) -> None:
    found = sorted(found, key=lambda job: job[1])
    user, arrival, work = arrays(found)
    clock, ends = FairClock(float(rate)), fluid(user, arrival, work, float(rate)).finish
    events = [(float(when), 0, job) for job, when in enumerate(arrival)] + [
        (end, 1, job) for job, end in enumerate(ends)
    ]
    for now, ended, job in sorted(events):
        if ended:
            assert clock.deadline(job) <= clock.read(now) + 1e-9
        else:
            clock.submit(int(user[job]), job, float(work[job]), now)


def test_what_is_no_weight_or_work_is_refused() -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="weights are at least 0"):
        fluid(one, np.zeros(1), np.ones(1), 1.0, np.array([-1.0]))
    with pytest.raises(ValueError, match="work is in core-seconds"):
        fluid(one, np.zeros(1), np.array([np.nan]), 1.0)


def test_nobody_and_nothing_are_served_at_once() -> None:
    none = np.zeros(0)
    assert len(fluid(none.astype(np.int64), none, none, 1.0).finish) == 0
