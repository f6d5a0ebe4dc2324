"""The clock agrees with a twin in fractions, whatever happens and however often it is read."""

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.balance.fair_clock import FairClock
from tests.balance.clock_twin import Twin

GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Event:
    kind: Literal["submit", "leave"]
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
        kind = draw(st.sampled_from(["submit", "submit", "submit", "leave"]))
        events.append(Event(kind, now, user, job, draw(st.integers(0, 20)) + odd, draw(st.sampled_from([0.5, 1, 3]))))
    return events


def play(clock: FairClock | Twin, events: list[Event]) -> list[dict[str, float]]:
    """Return the deadlines of all jobs that are there after each event."""
    there: set[str] = set()
    found = []
    for event in events:
        job = f"{event.user}-{event.job}"
        if event.kind == "submit":
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
        def submit(self, user: object, job: object, work: float, now: float, weight: float = 1.0):  # type: ignore[no-untyped-def, override]
            before = self._time
            for step in sorted(reads):
                self.read(before + (now - before) * step / 12)
            return super().submit(user, job, work, now, weight)  # type: ignore[arg-type]

    assert play(Watched(2.0, grace), events) == play(FairClock(2.0, grace), events)
