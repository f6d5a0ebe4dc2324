"""The clock agrees with a twin in fractions, whatever happens and however often it is read."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.balance.fair_clock import FairClock
from tests.balance.clock_twin import Twin

GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Event:
    leaves: bool
    now: float
    user: int
    job: int
    work: float
    weight: float


@st.composite
def histories(draw: st.DrawFn, users: int = 3, jobs: int = 3, most: int = 20) -> list[Event]:
    """Jobs of users that come, change and leave; odd parts of a second keep ends from falling together."""
    now, events = 0.0, []
    for index in range(draw(st.integers(1, most))):
        odd = (index + 1) * GOLDEN % 1
        now += draw(st.integers(0, 6)) + odd * 0.1
        user, job = draw(st.integers(0, users - 1)), draw(st.integers(0, jobs - 1))
        leaves, weight = draw(st.integers(0, 3)) == 3, draw(st.sampled_from([0.5, 1, 3]))
        events.append(Event(leaves, now, user, job, draw(st.integers(0, 20)) + odd, weight))
    return events


def play(clock: FairClock | Twin, events: list[Event]) -> list[dict[str, float]]:
    """Return the deadlines of all jobs that are there after each event."""
    there: set[str] = set()
    found = []
    for event in events:
        job = f"{event.user}-{event.job}"
        if not event.leaves:
            clock.submit(str(event.user), job, event.work, event.now, event.weight)
            there.add(job)
        elif job in there:
            clock.leave(job, event.now)
            there.discard(job)
        found.append({job: float(clock.deadline(job)) for job in sorted(there)})
    return found


@given(events=histories(), rate=st.sampled_from([1.0, 3.0]), grace=st.sampled_from([0.0, 2.5, 100.0]))
def test_the_clock_is_that_of_fractions(events: list[Event], rate: float, grace: float) -> None:
    for ours, exact in zip(play(FairClock(rate, grace), events), play(Twin(rate, grace), events), strict=True):
        assert ours == pytest.approx(exact, abs=1e-9)


@given(events=histories(), reads=st.lists(st.integers(0, 12), max_size=12), grace=st.sampled_from([0.0, 2.5]))
def test_deadlines_are_the_same_bit_by_bit_however_often_the_clock_is_read(
    events: list[Event], reads: list[int], grace: float
) -> None:
    class Watched(FairClock):
        def submit(
            self, user: Hashable, job: Hashable, work: float, now: float, weight: float = 1.0
        ) -> Sequence[Hashable]:
            before = self._time
            for step in sorted(reads):
                self.read(before + (now - before) * step / 12)
            return super().submit(user, job, work, now, weight)

    assert play(Watched(2.0, grace), events) == play(FairClock(2.0, grace), events)


@given(events=histories())
def test_clocks_never_go_back_and_whoever_comes_nearer_is_told(events: list[Event]) -> None:
    clock, there, before, last = FairClock(2.0), set[str](), dict[str, float](), 0.0
    for event in events:
        job = f"{event.user}-{event.job}"
        assert clock.read(event.now) >= last
        last = clock.read(event.now)
        if event.leaves:
            if job in there:
                clock.leave(job, event.now)
                there.discard(job)
            continue
        told = clock.submit(str(event.user), job, event.work, event.now, event.weight)
        there.add(job)
        fell = {other for other in there if other != job and clock.deadline(other) < before.get(other, 0.0)}
        assert fell <= set(told)
        before = {other: clock.deadline(other) for other in there}


def test_a_job_within_grace_keeps_its_deadline_and_its_users_place_later_it_is_new() -> None:
    for pause, deadline in ((2.0, 5.0), (2.5, 5.0), (3.0, 13.0)):
        clock = FairClock(2.0, grace=3.0)
        clock.submit("bob", "long", 100.0, 0.0)
        clock.submit("ann", "a", 5.0, 0.0)
        clock.leave("a", 5.0)  # served when V is 5; from then on V grows by 2 a second
        assert not clock.submit("ann", "a", 5.0, 5.0)
        clock.leave("a", 5.0)
        clock.submit("ann", "a", 5.0, 5.0 + pause / 2)
        assert clock.deadline("a") == 5.0
        clock.leave("a", 5.0 + pause / 2)
        clock.submit("ann", "a", 5.0, 5.0 + pause + pause / 2)
        assert clock.deadline("a") == (5.0 if 2 * pause <= 3.0 else 5.0 + 3 * pause + 5.0), deadline


def test_an_estimate_that_grows_counts_from_the_old_end_within_grace_else_from_now() -> None:
    for grace, deadline in ((10.0, 8.0), (3.0, 14.0)):
        clock = FairClock(2.0, grace)
        clock.submit("bob", "long", 100.0, 0.0)
        clock.submit("ann", "a", 5.0, 0.0)
        assert clock.read(8.0) == 11.0
        assert list(clock.submit("ann", "a", 8.0, 8.0)) == ["a"]
        assert clock.deadline("a") == deadline


def test_an_estimate_that_falls_does_not_take_back_what_was_served() -> None:
    clock = FairClock(2.0)
    clock.submit("ann", "a", 100.0, 0.0)
    clock.submit("bob", "b", 100.0, 0.0)
    clock.submit("ann", "a", 1.0, 10.0)
    assert clock.deadline("a") == 10.0
    assert clock.read(11.0) == 12.0  # bob alone


def test_jobs_that_have_left_are_forgotten() -> None:
    clock = FairClock(1.0, grace=2.0)
    for job in range(1000):
        clock.submit(f"user {job % 7}", job, 1.0, float(job))
        clock.leave(job, float(job) + 0.5)
    assert len(clock) < 10


def test_what_makes_no_sense_is_refused() -> None:
    clock = FairClock(1.0)
    clock.submit("ann", "a", 1.0, 0.0)
    for call, message in (
        (lambda: clock.submit("bob", "a", 1.0, 0.0), "'a' belongs to 'ann', not to 'bob'"),
        (lambda: clock.submit("bob", "b", -1.0, 0.0), "not -1.0 of job 'b'"),
        (lambda: clock.submit("bob", "b", float("nan"), 0.0), "not nan of job 'b'"),
        (lambda: clock.submit("bob", "b", 1.0, 0.0, 0.0), "a weight is above 0, not 0.0 of 'bob'"),
        (lambda: FairClock(0.0), "the rate of a clock is above 0"),
        (lambda: FairClock(1.0, -1.0), "grace is at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert "b" not in clock


def test_a_job_that_came_back_is_remembered_from_when_it_left_last() -> None:
    clock = FairClock(1.0, grace=4.0)
    clock.submit("bob", "long", 100.0, 0.0)
    clock.submit("ann", "a", 1.0, 0.0)
    for now in (2.0, 5.0):  # served when V is 1, and forgotten when V is 5 if it had not come back
        clock.leave("a", now)
        clock.submit("ann", "a", 1.0, now)
    clock.leave("a", 5.0)
    clock.submit("eve", "e", 1.0, 7.5)
    assert "a" in clock
    clock.submit("eve", "f", 1.0, 20.0)
    assert "a" not in clock


def test_weights_of_every_size_are_added_up_exactly() -> None:
    clock = FairClock(1.0)
    for round in range(20):
        clock.submit("small", ("small", round), 1.0, 4.0 * round, weight=0.1)
        clock.submit("huge", ("huge", round), 1.0, 4.0 * round, weight=1e17)
        clock.submit("odd", ("odd", round), 1.0, 4.0 * round, weight=0.7)
    before = clock.read(79.0)
    assert clock.read(79.0 + 1e-9) >= before
    assert clock.read(1000.0) == clock.deadline(("small", 19))
