"""Whose the tasks of a Dask cluster are, and what the turns of a queue are told of them."""

import logging
import math
import re
from collections.abc import Iterable, Mapping
from itertools import count
from time import monotonic
from typing import Any

from evenly.balance.line import Line
from evenly.balance.queues import Turns, standing
from evenly.hosts.dask.jobs import GROWTH, OWN, Job, Kind, Part, claimed, own_order

logger = logging.getLogger("distributed.evenly")

WEIGHT = 0.5  # of the newest task in a mean, as in Dask's own
OPEN = frozenset({"waiting", "queued", "no-worker", "processing"})
CLIENT = re.compile(r"Client-(?:(.+)-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def user_of(client: str) -> str:
    """Return whom a client belongs to: its name, or the client itself if it has none.

    >>> user_of("Client-ann-0b1f4e8a-cb1d-11f0-8d43-0242ac110002")
    'ann'
    """
    found = CLIENT.fullmatch(client)
    return found[1] if found and found[1] else client


def seconds_of(startstops: Iterable[Mapping[str, Any]]) -> float:
    """Return for how long a task computed."""
    seconds = 0.0
    for part in startstops:
        if part["action"] == "compute" and part["stop"] > part["start"]:
            seconds += part["stop"] - part["start"]
    return seconds


def owners_of(tasks: Iterable[Any]) -> dict[Any, str]:
    """Return the client for which each task is there: one that wants its result, or that of a task which needs it.

    Graphs of several clients that come within Dask's `fifo_timeout` look like one in the priorities of their tasks.
    """
    owners: dict[Any, str] = {}
    for wanted in tasks:
        client = min((one.client_key for one in wanted.who_wants or ()), default=None)
        stack = [wanted] if client is not None else []
        while stack:
            ts = stack.pop()
            if ts is wanted or not (ts.who_wants or ts in owners):
                owners[ts] = client or ""
                stack.extend(ts.dependencies)
    return owners


class Accounts:
    """Jobs, from when the first of their tasks waits or runs until none does; the line hears whose turns changed.

    Time runs with the number of threads, so that a clock stays right as workers come and go.
    """

    def __init__(self, scheduler: Any, turns: Turns, threads: float) -> None:
        self.turns = turns
        self.line = Line[Any](turns, own_order)
        self.unfinished: dict[Any, Part] = {}
        self.begun = False  # whether there was a task yet
        self.finished: dict[Any, Part] = {}  # their results are held, and may have to be computed again
        self._scheduler, self._threads = scheduler, threads
        self._named: dict[tuple[str, Any], Job] = {}
        self._kinds: dict[str, Kind] = {}
        self._serials = count()
        # A queue that counts estimates alone need not hear of single tasks.
        self._hears = type(turns).start is not Turns.start or type(turns).finish is not Turns.finish
        self._sent: dict[Any, tuple[Any, float | None]] = {}  # worker, and since when a task has a thread of it
        self._ahead: dict[Any, dict[Any, None]] = {}  # tasks of each worker that have none yet, in order
        self._seceded: dict[Any, float] = {}  # how long a task that runs on beside the threads had one
        self._elapsed, self._read = 0.0, monotonic()

    def now(self) -> float:
        """Return how long the cluster would have taken with its first number of threads for what it could do."""
        read = monotonic()
        self._elapsed += (read - self._read) * self._scheduler.total_nthreads / self._threads
        self._read = read
        return self._elapsed

    def graph(self, client: str, tasks: Iterable[Any], annotations: Mapping[str, Mapping[Any, Any]]) -> None:
        """Note whose the tasks of a graph are."""
        users, names, estimates = (annotations.get(name, {}) for name in ("user", "job", "estimate"))
        user, serial, bad = user_of(client), f"graph {next(self._serials)}", 0
        grown: dict[int, Job] = {}
        self.begun = True
        for key in tasks:
            if key not in self.unfinished and key not in self.finished:
                job, ts = self._job(str(users.get(key, user)), names.get(key, serial)), self._scheduler.tasks[key]
                if ts.state in ("memory", "erred"):  # such as data that a client has sent
                    self.finished[key] = self._part(job, ts)
                    self._unname(job)
                    continue
                grown[job.serial] = job
                self._enter(job, ts)
                bad += key in estimates and not claimed(estimates[key])
        if bad:
            logger.warning("%d tasks of '%s' have an estimate that is no number of seconds above 0: ignored", bad, user)
        for job in grown.values():
            if job.known:
                self._submit(job)

    def adopt(self) -> None:
        """Note the tasks that are there already: those of one graph are a job of whoever wants what they give."""
        tasks = [ts for ts in self._scheduler.tasks.values() if ts.priority is not None]
        owners = owners_of(tasks)
        self.begun = bool(tasks)
        for ts in tasks:
            user = (ts.annotations or {}).get("user", user_of(owners.get(ts, "")))
            job = self._job(str(user), (ts.annotations or {}).get("job", f"before {ts.priority[-2]}"))
            if ts.state in OPEN or ts.state == "released":
                self._enter(job, ts)
                job.open += ts.state in OPEN
            else:
                self.finished[ts.key] = self._part(job, ts)
        for job in dict.fromkeys(part.job for part in self.unfinished.values()):
            if job.open and not job.known:
                self._begin(job)
        for job in list(self._named.values()):
            self._unname(job)
        for ts in tasks:
            if ts.state == "processing":
                self.started(ts.key)
                if ts in ts.processing_on.long_running:
                    self.seceded(ts.key)

    def rank(self, ts: Any) -> None:
        """Give a task that can run the priority of its turn; Dask's own orders those of a job."""
        pool = self.turns.pool(self.unfinished[ts.key].job.stage)
        ts.priority = (*standing(self.turns, pool), *ts.priority[-OWN:])

    def before(self, first: Any, ts: Any) -> bool:
        """Tell whether it is the turn of a task before that of one that was just given its priority."""
        pool = self.turns.pool(self.unfinished[first.key].job.stage)
        return bool((*standing(self.turns, pool), *first.priority[-OWN:]) < ts.priority)

    def started(self, key: Any) -> None:
        """Note that a task goes to a worker; it has a thread at once unless more are there than threads."""
        worker = self._scheduler.tasks[key].processing_on
        if len(worker.processing) - len(worker.long_running) <= worker.nthreads:
            self._sent[key] = worker, monotonic()
        else:
            self._sent[key] = worker, None
            self._ahead.setdefault(worker, {})[key] = None
        if self._hears:
            self.line.moved(self.turns.start(self.unfinished[key].job.stage, self.now()))

    def seceded(self, key: Any) -> None:
        """Note that a task has given its thread back and runs on, as one that waits for tasks of its own does."""
        if key in self._sent:
            self._seceded[key] = self._freed(key, 0.0)

    def stopped(self, key: Any, seconds: float) -> float:
        """Note that a task is on no worker any more, where it computed for so long; return how long it had a thread.

        What failed, or was lost with its worker, has computed for 0 seconds and returns 0: it shows nothing of what the
        task takes. The queue is told how long it had a thread. A task that Dask refused to send had none.
        """
        if key in self._seceded:
            held = self._seceded.pop(key)
        elif key in self._sent:
            held = self._freed(key, seconds)
        else:
            return 0.0
        return held if seconds > 0 else 0.0

    def _freed(self, key: Any, seconds: float) -> float:
        """Tell the queue that a task has its thread no more; return for how long it had one."""
        part, (worker, sent) = self.unfinished[key], self._sent.pop(key)
        now = monotonic()
        held = seconds if sent is None else max(now - sent, seconds)
        if worker in self._ahead:
            self._next(worker, key, now)
        if seconds > 0 and sent is not None:
            part.kind.beside += WEIGHT * (held - seconds - part.kind.beside)
        if self._hears:
            self.line.moved(self.turns.finish(part.job.stage, held, self.now()))
        return held

    def opened(self, key: Any) -> None:
        """Note that a task waits for others or can run, possibly once more."""
        part = self.unfinished.get(key)
        job = self._enter(self.finished.pop(key).job, self._scheduler.tasks[key]) if part is None else part.job
        job.open += 1
        if not job.known:
            self._begin(job)

    def closed(self, key: Any, finish: str, seconds: float) -> None:
        """Note that a task neither waits nor runs any more; what is `released` is not finished."""
        job = self.unfinished[key].job
        job.open -= 1
        if finish != "released":
            self._settle(key, finish, seconds)
        if not job.left and job.known:
            self._end(job)

    def gone(self, key: Any, finish: str) -> None:
        """Note that a task that neither waited nor ran has failed, or is forgotten."""
        if key in self.unfinished:
            job = self.unfinished[key].job
            job.dropped |= finish == "forgotten"
            self._settle(key, finish, 0.0)
            if not job.left and job.known:
                self._end(job)
            self._unname(job)
        elif finish == "forgotten":
            self.finished.pop(key, None)

    def _next(self, worker: Any, key: Any, now: float) -> None:
        """Note who has the thread of a task that is not on a worker any more."""
        ahead = self._ahead[worker]
        if key in ahead:
            del ahead[key]
        else:
            first = next(iter(ahead))
            del ahead[first]
            self._sent[first] = worker, now
        if not ahead:
            del self._ahead[worker]

    def _job(self, user: str, name: Any) -> Job:
        job = self._named.get((user, name))
        if job is None:
            job = self._named[user, name] = Job(user, name, next(self._serials))
        return job

    def _unname(self, job: Job) -> None:
        """Let what comes under the name of a job of which nothing is left be a job of its own."""
        if not job.left and self._named.get((job.user, job.name)) is job:
            del self._named[job.user, job.name]

    def _begin(self, job: Job) -> None:
        """Let the queue know a job."""
        job.known = True
        job.begin()
        self._submit(job)

    def _end(self, job: Job) -> None:
        """Let the queue know that nothing of a job is left; what was dropped counts no more."""
        if job.dropped:
            self._submit(job)
        self.line.leave(job.stage)
        self.line.moved(self.turns.leave(job.stage, self.now()))
        self._unname(job)
        job.known = job.dropped = False
        job.end()

    def _submit(self, job: Job) -> None:
        self.line.moved(self.turns.submit(job.estimate(), self.now()))

    def _enter(self, job: Job, ts: Any) -> Job:
        """Count a task of a job as one that is to run."""
        part = self.unfinished[ts.key] = self._part(job, ts)
        job.tasks += 1
        job.left += 1
        part.left += float(ts.annotations["estimate"]) if part.claimed else part.claim
        return job

    def _part(self, job: Job, ts: Any) -> Part:
        prefix = ts.group.prefix
        kind = self._kinds.get(prefix.name)
        if kind is None:
            kind = self._kinds[prefix.name] = Kind(prefix, self._scheduler.UNKNOWN_TASK_DURATION)
        return job.part(kind, bool(ts.annotations) and claimed(ts.annotations.get("estimate")))

    def _settle(self, key: Any, finish: str, seconds: float) -> None:
        """Count a task of a job as one that is not to run any more."""
        part = self.unfinished.pop(key)
        if finish != "forgotten":
            self.finished[key] = part
        claim = float(self._scheduler.tasks[key].annotations["estimate"]) if part.claimed else part.claim
        part.left -= claim
        part.job.left -= 1
        if seconds <= 0:
            return
        job, kind = part.job, part.kind
        if part.done == 0:
            kind.unmeasured.pop(part, None)
        part.done += claim
        part.measured += seconds
        job.ended += 1
        kind.ended += 1
        if job.ended >= job.next and job.left:
            job.next = math.ceil(job.ended * GROWTH)
            if job.changed():
                self._submit(job)
        if kind.ended >= len(kind.unmeasured) > 0:
            for other in kind.drifted():
                self._submit(other)
