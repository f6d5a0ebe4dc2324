"""What a run of jobs comes to: figures, a row a job, users over time, load by executor."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.balance.queues.first_come import FirstCome
from evenly.cluster.jobs.cluster import Cluster
from evenly.cluster.jobs.estimates.oracle import Oracle
from evenly.cluster.jobs.simulate import Run, simulate
from evenly.cluster.jobs.splits.spark import Spark
from evenly.core import Array, Floats, Ints, Load
from evenly.measure.sharing import fair_share, until
from evenly.traces.jobs.job import Job, Jobs, Part

BINS = 200  # of the time until the makespan
SHORT, LONG = 0.80, 0.95  # shares of the responses, fastest first
ROUNDING = 1e-6  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A run beside what it is judged by."""

    jobs: Jobs
    cluster: Cluster
    run: Run
    reference: Run
    "The same jobs, splits and estimates by user-level job fairness."

    @property
    def users(self) -> tuple[tuple[str, ...], Ints]:
        """The names of users, and which of them each job is of."""
        names, code = np.unique([job.user for job in self.jobs.jobs], return_inverse=True)
        return tuple(str(name) for name in names), code.astype(np.int64)

    @property
    def delay(self) -> Floats:
        """How much later each job ends than by the reference, over its response there."""
        later = self.run.finish - self.reference.finish
        later[np.abs(later) < ROUNDING] = 0.0
        response = np.maximum(self.reference.response, ROUNDING)
        return np.asarray(later / response)

    def service(self, edges: Floats) -> Floats:
        """Return the core-seconds that each user was given until each time."""
        names, code = self.users
        run = self.run
        return until(edges, run.start, run.end, run.end - run.start, code[run.job], len(names))

    def work(self) -> Floats:
        """Return the core-seconds that tasks of each job took, their overhead included."""
        return np.bincount(self.run.job, self.run.end - self.run.start, len(self.jobs)).astype(np.float64)


def figures(result: Result) -> dict[str, float]:
    """Return the metrics of a run by name; NaN where there are no jobs."""
    run, delay = result.run, result.delay
    response = np.sort(run.response)
    short, long = (round(share * len(response)) for share in (SHORT, LONG))
    late = delay > 0
    _, code = result.users
    busy = float((run.end - run.start).sum())
    room = result.cluster.slots * run.makespan
    return {
        "response_mean": _mean(response),
        "response_short": _mean(response[:short]),
        "response_middle": _mean(response[short:long]),
        "response_long": _mean(response[long:]),
        "response_users": _mean(np.bincount(code, run.response) / np.bincount(code)) if len(code) else float("nan"),
        "slowdown": _mean(run.response / np.maximum(alone(result), ROUNDING)),
        "dvr": _mean(delay[late]) if late.any() else 0.0,
        "dvr_jobs": float(late.sum()),
        "dsr": _mean(delay[~late]) if (~late).any() else 0.0,
        "fairness": fairness(result),
        "makespan": run.makespan,
        "utilisation": busy / room if room else float("nan"),
    }


def alone(result: Result) -> Floats:
    """Return the response of each job if it had the cluster to itself, with the tasks that it had."""
    run, cluster = result.run, replace(result.cluster, lost=(), skew=0.0)
    order = np.lexsort((run.stage, run.job))
    known: dict[tuple[Part, ...], float] = {}
    found = np.empty(len(result.jobs))
    starts = np.searchsorted(run.job[order], np.arange(len(result.jobs) + 1))
    for place, job in enumerate(result.jobs.jobs):
        rows = order[starts[place] : starts[place + 1]]
        parts = _recorded(job, run.stage[rows], run.seconds[rows])
        if parts not in known:
            one = Jobs((Job(job.user, 0.0, parts),), "alone")
            known[parts] = simulate(one, cluster, FirstCome(), Spark(), Oracle()).makespan
        found[place] = known[parts]
    return found


def _recorded(job: Job, stage: Ints, seconds: Floats) -> tuple[Part, ...]:
    """Return the stages of a job with the tasks that it had, longest first within a stage."""
    parts = []
    for k, part in enumerate(job.parts):
        tasks = tuple(sorted(seconds[stage == k].tolist(), reverse=True))
        parts.append(Part(sum(tasks), part.after, tasks, part.size, part.demand))
    return tuple(parts)


def fairness(result: Result) -> float:
    """Return how near users come to their max-min fair shares over time; NaN without two of them."""
    names, code = result.users
    run, edges = result.run, times(result)
    if len(names) < 2 or len(edges) == 0:
        return float("nan")
    asked = until(edges, run.submit, run.submit, result.work(), code, len(names))
    return fair_share(asked, result.service(edges), ROUNDING)


def times(result: Result) -> Floats:
    """Return the ends of the bins of time."""
    end = result.run.makespan
    return np.linspace(0.0, end, BINS + 1)[1:] if end > 0 else np.zeros(0)


def load(result: Result) -> Load:
    """Return the seconds that tasks ran on each executor, by bin of time."""
    run, edges, executors = result.run, times(result), result.cluster.executors
    if len(edges) == 0:
        return Load(np.zeros((0, executors)), worker="executor")
    done = until(edges, run.start, run.end, run.end - run.start, run.executor, executors)
    work = np.maximum(np.diff(done, axis=0, prepend=0.0), 0.0)
    span = np.full(len(edges), edges[0] * result.cluster.cores)
    return Load(work, span, worker="executor")


def items(result: Result) -> dict[str, Array]:
    """Return a row a job; times in seconds, work in core-seconds."""
    run, jobs = result.run, result.jobs.jobs
    first = np.full(len(jobs), np.inf)
    np.minimum.at(first, run.job, run.start)
    return {
        "job": np.arange(len(jobs)),
        "user": np.array([job.user for job in jobs], object),
        "kind": np.array([job.kind for job in jobs], object),
        "submit": run.submit,
        "begin": first,
        "end": run.finish,
        "response": run.response,
        "alone": alone(result),
        "delay": result.delay,
        "work": result.work(),
        "estimated": run.estimated,
        "tasks": np.bincount(run.job, minlength=len(jobs)),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
