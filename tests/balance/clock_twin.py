"""The clock of users and jobs as plainly as can be, in fractions: all take each step to the next event."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Job:
    user: "User"
    serial: int
    work: Fraction
    began: Fraction = Fraction(0)
    before: Fraction = Fraction(0)
    served: Fraction | None = None  # the clock of all when it was
    deadline: Fraction | None = None
    gone: Fraction | None = None

    @property
    def due(self) -> Fraction:
        return self.began + self.work - self.before


@dataclass
class User:
    weight: Fraction = Fraction(1)
    clock: Fraction = Fraction(0)
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    active: bool = False
    jobs: list[Job] = field(default_factory=list)

    def deadlines(self) -> list[tuple[Job, Fraction]]:
        found, end = [], self.start
        for job in sorted(self.jobs, key=lambda job: (job.due, job.serial)):
            end += (job.work - job.before) / self.weight
            found.append((job, end))
        return found


class Twin:
    def __init__(self, rate: float, grace: float = 0.0) -> None:
        self.rate, self.grace = Fraction(rate), Fraction(grace)
        self.time = self.virtual = Fraction(0)
        self.users: dict[str, User] = {}
        self.jobs: dict[str, Job] = {}
        self.serial = 0

    def read(self, now: float) -> Fraction:
        while self.time < now:
            active = [user for user in self.users.values() if user.active]
            if not active:
                self.time = Fraction(now)
                break
            speed = self.rate / sum(user.weight for user in active)
            step = min(
                [(Fraction(now) - self.time) * speed]
                + [user.end - self.virtual for user in active]
                + [(job.due - u.clock) * len(u.jobs) / u.weight for u in active for job in u.jobs]
            )
            self.virtual += step
            self.time += step / speed
            for user in active:
                self.serve(user, step)
        return self.virtual

    def serve(self, user: User, step: Fraction) -> None:
        if user.jobs:
            user.clock += step * user.weight / len(user.jobs)
        for job, deadline in user.deadlines():
            if job.due <= user.clock or user.end <= self.virtual:
                job.served, job.deadline = self.virtual, deadline
                user.start = deadline
                user.jobs.remove(job)
        user.active = user.end > self.virtual

    def submit(self, name: str, id: str, work: float, now: float, weight: float = 1.0) -> None:
        self.read(now)
        user = self.users.setdefault(name, User())
        job = self.jobs.get(id)
        gone = [] if job is None or job.gone is None or job.served is None else [job.gone, job.served]
        if gone and self.virtual > max(gone) + self.grace:
            job = None
        if job is None:
            self.serial += 1
            job = self.jobs[id] = Job(user, self.serial, Fraction(work))
            self.enter(user, job, weight, returns=False)
            return
        job.gone = None
        if job.deadline is None:
            job.work = max(Fraction(work), job.before + user.clock - job.began)
            user.end = user.deadlines()[-1][1]
            self.serve(user, Fraction(0))
        elif work > job.work:
            job.before, job.work, job.deadline, job.served = job.work, Fraction(work), None, None
            self.enter(user, job, weight, returns=self.virtual - user.end <= self.grace)

    def enter(self, user: User, job: Job, weight: float, returns: bool) -> None:
        if not user.active:
            user.weight, user.active = Fraction(weight), True
            user.start = user.end if returns else self.virtual
            user.clock = Fraction(0)
        job.began = user.clock
        user.jobs.append(job)
        user.end = user.deadlines()[-1][1]
        self.serve(user, Fraction(0))

    def leave(self, id: str, now: float) -> None:
        self.jobs[id].gone = self.read(now)

    def deadline(self, id: str) -> Fraction:
        job = self.jobs[id]
        if job.deadline is not None:
            return job.deadline
        return next(deadline for other, deadline in job.user.deadlines() if other is job)
