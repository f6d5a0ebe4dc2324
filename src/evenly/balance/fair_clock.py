"""A virtual clock of two levels: a cluster shared between users, and each user's share between their jobs."""

import heapq
import math
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, count

Place = tuple[float, int]


@dataclass(slots=True, eq=False)
class _Job:
    account: "_Account"
    serial: int
    work: float  # core-seconds that count: estimated, or more if so much was served before the estimate fell
    began: float = 0.0  # the user's clock, when it became active
    before: float = 0.0  # core-seconds that were served before that
    due: float = 0.0  # the user's clock, when it will have been served
    deadline: float = math.nan  # on the clock of all, once it has been served
    gone: bool = False
    until: float = math.inf  # the clock of all, when it is forgotten

    @property
    def place(self) -> Place:
        return (self.due, self.serial)


@dataclass(slots=True, eq=False)
class _Account:
    """A user: `clock` is the service of each of their active jobs when the clock of all stood at `since`."""

    user: Hashable
    weight: float
    active: bool = False
    start: float = 0.0
    "The clock of all when they became active, moved on by what their jobs have been served since."
    end: float = -math.inf
    "The clock of all when all that they have asked for will have been served."
    clock: float = 0.0
    since: float = 0.0
    order: list[Place] = field(default_factory=list)
    jobs: dict[int, Hashable] = field(default_factory=dict)
    works: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    known: int = 0
    "Their jobs that are not forgotten."

    def read(self, virtual: float) -> float:
        """Return the clock of their jobs when the clock of all stands at `virtual`."""
        return self.clock + (virtual - self.since) * self.weight / len(self.order) if self.order else self.clock

    def sum_up(self, first: int) -> None:
        """Compute the ends of jobs from one on: as if they served one after the other, the next to be done first."""
        before = self.ends[first - 1] if first else self.start
        self.ends[first:] = accumulate(self.works[first:], initial=before)
        del self.ends[first]  # what `accumulate` begins with
        self.end = self.ends[-1] if self.ends else self.start


class FairClock:
    """Deadlines by which an ideal cluster, cut at will between users by weight, would have served each job.

    The clock of all, V, runs at `rate` over the weights of the users who have work left in the ideal cluster; a
    user's own clock at their weight over their jobs that do. Of one user the job that would end first in equal shares
    comes first, and gets all their share: its deadline is never later than its end in equal shares. Whoever serves by
    deadline, without ever interrupting a task, ends each job at the latest two longest tasks after the
    ideal, and the time that was spent on jobs that shorter ones of the same user, come later, then overtook.

    Between events (a job comes, a user or a job has been served) nothing is stored, so that deadlines are the same bit
    by bit however often the clock is read. A job costs logarithmic time and one pass over the user's later jobs.

    A job is forgotten `grace` on the clock of all after it was served in the ideal and has left; until then it keeps
    its deadline, and what a grown estimate adds counts from its user's old end, else from now.

    Reference: Demers, Keshav and Shenker, "Analysis and simulation of a fair queueing algorithm", 1989; of two levels:
    arXiv 2510.15485.

    >>> clock = FairClock(rate=2.0)
    >>> for user, job, work in (("ann", "long", 8.0), ("bob", "b", 4.0), ("ann", "short", 2.0)):
    ...     _ = clock.submit(user, job, work, now=0.0)
    >>> [clock.deadline(job) for job in ("short", "b", "long")]
    [2.0, 4.0, 10.0]
    >>> clock.read(now=4.0), clock.read(now=5.0)  # both users have work left until 4.0, then ann alone
    (4.0, 6.0)
    """

    def __init__(self, rate: float, grace: float = 0.0) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"the rate of a clock is above 0, not {rate}")
        if not grace >= 0:
            raise ValueError(f"grace is at least 0, not {grace}")
        self.rate = rate
        self.grace = grace
        self._virtual = 0.0  # the clock of all when it was `_time`
        self._time = 0.0
        self._weights = Fraction(0)  # of active users: exact, however many came and went
        self._weight = 0.0
        self._accounts: dict[Hashable, _Account] = {}
        self._jobs: dict[Hashable, _Job] = {}
        self._ends: list[tuple[float, int, _Account]] = []
        self._fading: list[tuple[float, int, Hashable]] = []
        self._serials = count()
        self._pushed = count()

    def read(self, now: float) -> float:
        """Return V, in core-seconds for each unit of weight; users that were served until now become idle."""
        while self._ends:
            end, _, account = self._ends[0]
            if not account.active or account.end != end:
                heapq.heappop(self._ends)
                continue
            time = self._time + (end - self._virtual) * self._weight / self.rate
            if time > now:
                return min(self._virtual + (now - self._time) * self.rate / self._weight, end)
            self._virtual, self._time = end, time
            self._close(account)
        return self._virtual

    def submit(self, user: Hashable, job: Hashable, work: float, now: float, weight: float = 1.0) -> Sequence[Hashable]:
        """Count a new job of so many core-seconds, or the new estimate of one that is known.

        Returns the jobs whose deadlines may have come nearer; those of the user's other jobs may have moved away. Work
        that was served in the ideal cluster is not taken back by an estimate that falls. A user's weight holds from
        when they next become active. Raises `ValueError` for work that is no number of core-seconds, a weight that is
        not above 0, or a job of somebody else.
        """
        if not 0 <= work < math.inf:
            raise ValueError(f"work is in core-seconds, at least 0, not {work} of job '{job}'")
        if not 0 < weight < math.inf:
            raise ValueError(f"a weight is above 0, not {weight} of '{user}'")
        virtual = self.read(now)
        account = self._accounts.get(user)
        if account is not None:
            self._settle(account, virtual)
        self._forget(virtual)
        known = self._jobs.get(job)
        if known is None:
            account = self._accounts.setdefault(user, _Account(user, weight))
            account.known += 1
            known = self._jobs[job] = _Job(account, next(self._serials), work)
            return self._enter(job, known, weight, now)
        if known.account.user != user:
            raise ValueError(f"job '{job}' belongs to '{known.account.user}', not to '{user}'")
        known.gone = False
        if math.isnan(known.deadline):
            return self._change(known, work, virtual)
        if work <= known.work:
            return ()
        known.before, known.work, known.deadline = known.work, work, math.nan
        return self._enter(job, known, weight, now)

    def leave(self, job: Hashable, now: float) -> None:
        """Note that nothing of a job is left to run; it is forgotten in time unless more of it comes."""
        known = self._jobs[job]
        virtual = self.read(now)
        self._settle(known.account, virtual)
        known.gone = True
        if not math.isnan(known.deadline):
            self._fade(job, known, virtual)

    def deadline(self, job: Hashable) -> float:
        """Return where V should stand at the latest when a job ends."""
        known = self._jobs[job]
        if not math.isnan(known.deadline):
            return known.deadline
        return known.account.ends[bisect_left(known.account.order, known.place)]

    def key(self, job: Hashable) -> tuple[float, float]:
        """Return the deadline of a job, and its place by submission for those that are equal."""
        return (self.deadline(job), float(self._jobs[job].serial))

    def __contains__(self, job: object) -> bool:
        """Tell whether a job is known."""
        return job in self._jobs

    def __len__(self) -> int:
        """Return how many jobs are known."""
        return len(self._jobs)

    def _enter(self, job: Hashable, known: _Job, weight: float, now: float) -> Sequence[Hashable]:
        """Make a job active, and with it its user."""
        account = known.account
        virtual = self.read(now)
        if not account.active:
            account.weight = weight
            returns = known.before > 0 and virtual - account.end <= self.grace
            account.start = account.end if returns else virtual
            end = account.start + (known.work - known.before) / weight
            if end <= virtual:
                account.end = known.deadline = end
                return (job,)
            account.active = True
            account.clock = 0.0
            self._virtual, self._time = virtual, max(now, self._time)
            self._weigh(weight)
        else:
            account.clock = account.read(virtual)
        account.since = virtual
        known.began = account.clock
        account.jobs[known.serial] = job
        self._place(known)
        return (job,)

    def _change(self, known: _Job, work: float, virtual: float) -> Sequence[Hashable]:
        """Move an active job to where a new estimate puts it."""
        account = known.account
        work = max(work, known.before + account.read(virtual) - known.began)
        if work == known.work:
            return ()
        old = bisect_left(account.order, known.place)
        del account.order[old], account.works[old], account.ends[old]
        known.work = work
        first = self._place(known, old)
        return [account.jobs[serial] for _, serial in account.order[first:]]

    def _place(self, known: _Job, old: float = math.inf) -> int:
        """Put a job into the order of its user's jobs; return the first place that is not as before."""
        account = known.account
        known.due = known.began + known.work - known.before
        new = bisect_left(account.order, known.place)
        account.order.insert(new, known.place)
        account.works.insert(new, (known.work - known.before) / account.weight)
        first = int(min(old, new))
        account.sum_up(first)
        heapq.heappush(self._ends, (account.end, next(self._pushed), account))
        return first

    def _settle(self, account: _Account, virtual: float) -> None:
        """Let go of the jobs of a user that have been served until V stands at `virtual`."""
        served = 0
        waiting = len(account.order)
        while served < waiting:
            due = account.order[served][0]
            reached = account.since + (due - account.clock) * (waiting - served) / account.weight
            if reached > virtual:
                break
            account.clock, account.since = due, reached
            served += 1
            self._served(account, served - 1, reached)
        self._drop(account, served)

    def _close(self, account: _Account) -> None:
        """Let a user become idle, who has been served."""
        for index in range(len(account.order)):
            self._served(account, index, account.end)
        self._drop(account, len(account.order))
        account.active = False
        self._weigh(-account.weight)
        self._release(account)

    def _weigh(self, weight: float) -> None:
        """Add the weight of a user who becomes active, or take that of one away who becomes idle."""
        self._weights += Fraction(weight)
        self._weight = float(self._weights)

    def _served(self, account: _Account, index: int, virtual: float) -> None:
        """Keep the deadline of a job that has been served."""
        job = account.jobs.pop(account.order[index][1])
        known = self._jobs[job]
        known.deadline = account.ends[index]
        if known.gone:
            self._fade(job, known, virtual)

    def _drop(self, account: _Account, served: int) -> None:
        """Take the first jobs out of a user's order."""
        if served:
            account.start = account.ends[served - 1]
            del account.order[:served], account.works[:served], account.ends[:served]

    def _fade(self, job: Hashable, known: _Job, virtual: float) -> None:
        """Let a job be forgotten in time."""
        known.until = virtual + self.grace
        heapq.heappush(self._fading, (known.until, next(self._pushed), job))

    def _forget(self, virtual: float) -> None:
        """Forget the jobs whose time has come, unless they came back."""
        while self._fading and self._fading[0][0] < virtual:
            until, _, job = heapq.heappop(self._fading)
            known = self._jobs.get(job)
            if known is not None and known.gone and known.until == until:
                del self._jobs[job]
                known.account.known -= 1
                self._release(known.account)

    def _release(self, account: _Account) -> None:
        """Forget an idle user of whom no job is known."""
        if not account.known and not account.active:
            del self._accounts[account.user]
