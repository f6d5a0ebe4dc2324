"""The ideal cluster: cut at will, shared between users by weight and then evenly between each user's jobs."""

import heapq
import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count

import numpy as np

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True)
class _Clock:
    """Read at each event: the time, the service of an active user of weight 1, and how long nobody was active."""

    times: Floats
    virtual: Floats
    idle: Floats

    def spare(self, times: Floats) -> Floats:
        """Return how long nobody was active until each time."""
        return np.asarray(np.interp(times, self.times, self.idle) + np.maximum(times - self.times[-1], 0.0))

    def when(self, spare: Floats) -> Floats:
        """Return the first time at which nobody has been active for so long."""
        after = np.searchsorted(self.idle, spare)
        last = np.minimum(after, len(self.idle) - 1)
        return np.asarray(np.where(after > last, self.times[-1], self.times[last]) + spare - self.idle[last])


@dataclass(frozen=True, slots=True)
class Fluid:
    """What an ideal cluster does with jobs: each at once gets its part of the rate, and nothing is ever idle."""

    finish: Floats
    "When each job ends, in seconds."
    _clock: _Clock
    _served: tuple[tuple[Floats, Floats], ...]  # by user: readings of the clock, and the user's service until then
    _behind: "Fluid | None" = None  # users of weight 0, in the time in which nobody else is active

    def service(self, user: int, times: Floats) -> Floats:
        """Return the core-seconds that a user has been given until each of these times."""
        readings, service = self._served[user]
        if self._behind is not None and not len(readings):
            return self._behind.service(user, self._clock.spare(times))
        virtual = np.interp(times, self._clock.times, self._clock.virtual)
        return np.asarray(np.interp(virtual, readings, service))


@dataclass(slots=True)
class _User:
    weight: float
    since: float = 0.0
    "The clock of all when the user's own was read."
    clock: float = 0.0
    "Service of each of the jobs that are active."
    dues: list[tuple[float, int]] = field(default_factory=list)
    readings: list[float] = field(default_factory=list)
    service: list[float] = field(default_factory=list)
    event: int = -1

    def read(self, virtual: float) -> float:
        return self.clock + (virtual - self.since) * self.weight / len(self.dues) if self.dues else self.clock


def fluid(user: Ints, arrival: Floats, work: Floats, rate: float, weights: Floats | None = None) -> Fluid:
    """Return what the ideal cluster of `rate` cores does with jobs, event by event.

    The arrays hold for each job its user, the seconds at which it comes and its core-seconds; `weights` the weight of
    each user, 1 if none are given. Users of weight 0 share evenly what others leave. Raises `ValueError` for weights or
    work below 0.

    >>> ideal = fluid(np.array([0, 1, 0]), np.zeros(3), np.array([8.0, 4.0, 2.0]), rate=2.0)
    >>> ideal.finish, ideal.service(1, np.array([1.0, 9.0]))
    (array([7., 4., 4.]), array([1., 4.]))
    """
    users = int(user.max()) + 1 if len(user) else 0
    shares = np.ones(users) if weights is None else np.asarray(weights, np.float64)
    if not np.all((shares >= 0) & (shares < math.inf)):
        raise ValueError(f"weights are at least 0, not {shares}")
    if not np.all((work >= 0) & (work < math.inf)):
        raise ValueError("work is in core-seconds, at least 0")
    first = shares[user] > 0
    ideal = _Flow(rate, shares).run(user, arrival, work, np.flatnonzero(first))
    if first.all():
        return ideal
    later = _Flow(rate, np.where(shares > 0, 0.0, 1.0))
    behind = later.run(user, ideal._clock.spare(arrival), work, np.flatnonzero(~first))
    finish = np.where(first, ideal.finish, np.maximum(arrival, ideal._clock.when(behind.finish)))
    return replace(ideal, finish=finish, _behind=behind)


class _Flow:
    def __init__(self, rate: float, weights: Floats) -> None:
        self.rate = rate
        self.users = [_User(weight) for weight in weights.tolist()]
        self.time = self.virtual = self.idle = self.weight = 0.0
        self.weights = Fraction(0)  # of active users, exact
        self.marks = [(0.0, 0.0, 0.0)]  # as in `_Clock`
        self.heap: list[tuple[float, int, int]] = []  # the clock of all when a user's next job ends, event, user
        self.events = count()

    def run(self, user: Ints, arrival: Floats, work: Floats, jobs: Ints) -> Fluid:
        """Let some of the jobs come and end."""
        finish = np.zeros(len(user))
        for job in jobs[np.argsort(arrival[jobs], kind="stable")].tolist():
            self.flow(float(arrival[job]), finish)
            self.come(int(user[job]), job, float(work[job]))
        self.flow(math.inf, finish)
        served = tuple((np.array(one.readings), np.array(one.service)) for one in self.users)
        return Fluid(finish, _Clock(*np.array(self.marks).T), served)

    def flow(self, until: float, finish: Floats) -> None:
        """Let jobs end, one after the other, until a time."""
        while self.heap:
            end, event, who = self.heap[0]
            user = self.users[who]
            if user.event != event:
                heapq.heappop(self.heap)
                continue
            time = self.time + max(end - self.virtual, 0.0) * self.weight / self.rate
            if time > until:
                break
            heapq.heappop(self.heap)
            self.mark(time, end)
            user.since, (user.clock, job) = end, heapq.heappop(user.dues)
            finish[job] = time
            self.next(who)
        if until < math.inf:
            gained = (until - self.time) * self.rate / self.weight if self.weight else 0.0
            self.mark(until, self.virtual + gained)

    def come(self, who: int, job: int, work: float) -> None:
        """Let a job come now."""
        user = self.users[who]
        if not user.dues:
            user.readings.append(self.virtual)
            user.service.append(user.service[-1] if user.service else 0.0)
            user.clock = 0.0
            self.weigh(user.weight)
        user.clock, user.since = user.read(self.virtual), self.virtual
        heapq.heappush(user.dues, (user.clock + work, job))
        self.next(who)

    def next(self, who: int) -> None:
        """Note when the next job of a user ends, or that they have none."""
        user = self.users[who]
        user.event = next(self.events)
        if user.dues:
            end = user.since + (user.dues[0][0] - user.clock) * len(user.dues) / user.weight
            heapq.heappush(self.heap, (end, user.event, who))
        else:
            user.service.append(user.service[-1] + (self.virtual - user.readings[-1]) * user.weight)
            user.readings.append(self.virtual)
            self.weigh(-user.weight)

    def weigh(self, weight: float) -> None:
        """Add the weight of a user who becomes active, or take that of one away who becomes idle."""
        self.weights += Fraction(weight)
        self.weight = float(self.weights)

    def mark(self, time: float, virtual: float) -> None:
        """Set the clocks."""
        if not self.weight:
            self.idle += time - self.time
        self.time, self.virtual = time, virtual
        self.marks.append((time, virtual, self.idle))
