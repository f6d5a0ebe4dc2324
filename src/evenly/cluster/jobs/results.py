"""What a run of jobs comes to: figures, a row a job, users over time, load by executor."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenly.balance.fluid import Fluid, fluid
from evenly.balance.queues.first_come import FirstCome
from evenly.cluster.jobs.cluster import Cluster
from evenly.cluster.jobs.estimates.oracle import Oracle
from evenly.cluster.jobs.simulate import Run, simulate
from evenly.cluster.jobs.splits.spark import Spark
from evenly.core import Array, Floats, Ints, Load
from evenly.measure.sharing import fair_share, until
from evenly.traces.jobs.job import Job, Jobs, Part

BINS = 200  # of the time until the makespan
WINDOW = 10.0  # seconds over which users are compared, as in serving
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
    alone: Floats
    "Response of each job if it had the cluster to itself."
    weights: Floats
    "What each user is entitled to, beside the others."
    ideal: Fluid

    def service(self, edges: Floats) -> Floats:
        """Return the core-seconds that each user was given until each time."""
        names, code = users(self.jobs)
        tried = self.run.attempts
        return until(edges, tried.start, tried.end, tried.seconds, code[tried.job], len(names))


def judged(jobs: Jobs, cluster: Cluster, run: Run, reference: Run, weights: Mapping[str, float]) -> Result:
    """Return a run beside what it is judged by, users by their weights; 1 for those who are not named."""
    by_user = np.array([weights.get(name, 1.0) for name in users(jobs)[0]], np.float64)
    return Result(jobs, cluster, run, reference, alone(jobs, cluster, run), by_user, ideal(jobs, cluster, run, by_user))


def ideal(jobs: Jobs, cluster: Cluster, run: Run, weights: Floats | None = None) -> Fluid:
    """Return what a cluster that can be cut at will between users, evenly without weights, does with what came."""
    return fluid(users(jobs)[1], run.submit, run.held, float(cluster.slots), weights)


def users(jobs: Jobs) -> tuple[tuple[str, ...], Ints]:
    """Return the names of users, and which of them each job is of."""
    names, code = np.unique(np.array([job.user for job in jobs.jobs], str), return_inverse=True)
    return tuple(str(name) for name in names), code.astype(np.int64)


def responses(run: Run) -> dict[str, float]:
    """Return means of the response in seconds: of all jobs, and of those that were fastest, slower and slowest."""
    response = np.sort(run.response)
    short, long = (round(share * len(response)) for share in (SHORT, LONG))
    return {
        "response_mean": _mean(response),
        "response_short": _mean(response[:short]),
        "response_middle": _mean(response[short:long]),
        "response_long": _mean(response[long:]),
    }


def delays(run: Run, reference: Run) -> Floats:
    """Return how much later each job ends than by the reference, over its response there."""
    later = run.finish - reference.finish
    later[np.abs(later) < ROUNDING] = 0.0
    return np.asarray(later / np.maximum(reference.response, ROUNDING))


def against(run: Run, reference: Run) -> dict[str, float]:
    """Return the mean delay of the jobs that the reference ends earlier, how many they are, and that of the others."""
    delay = delays(run, reference)
    late = delay > 0
    return {
        "dvr": _mean(delay[late]) if late.any() else 0.0,
        "dvr_jobs": float(late.sum()),
        "dsr": _mean(delay[~late]) if (~late).any() else 0.0,
    }


def figures(result: Result) -> dict[str, float]:
    """Return the metrics of a run by name; NaN where there are no jobs."""
    run = result.run
    _, code = users(result.jobs)
    room = result.cluster.slots * run.makespan
    return {
        **responses(run),
        "response_users": _mean(np.bincount(code, run.response) / np.bincount(code)) if len(code) else float("nan"),
        "slowdown": _mean(run.response / np.maximum(result.alone, ROUNDING)),
        **against(run, result.reference),
        "fairness": fairness(result),
        "lateness": _above(float((run.finish - result.ideal.finish).max(initial=0.0))),
        "lag": float(lags(result)["worst"].max(initial=0.0)),
        "makespan": run.makespan,
        "utilisation": float(run.held.sum()) / room if room else float("nan"),
    }


def alone(jobs: Jobs, cluster: Cluster, run: Run) -> Floats:
    """Return the response of each job if it had the cluster to itself, with the tasks that it had."""
    cluster = replace(cluster, lost=(), skew=0.0)
    order = np.lexsort((run.stage, run.job))
    known: dict[tuple[Part, ...], float] = {}
    found = np.empty(len(jobs))
    starts = np.searchsorted(run.job[order], np.arange(len(jobs) + 1))
    for place, job in enumerate(jobs.jobs):
        rows = order[starts[place] : starts[place + 1]]
        parts = _recorded(job, run.stage[rows], run.seconds[rows])
        if len(parts) == 1 and not cluster.resources:
            found[place] = _in_turn(parts[0].seconds, cluster)
            continue
        if parts not in known:
            one = Jobs((Job(job.user, 0.0, parts),), "alone")
            known[parts] = simulate(one, cluster, FirstCome(), Spark(), Oracle()).makespan
        found[place] = known[parts]
    return found


def _in_turn(seconds: Sequence[float], cluster: Cluster) -> float:
    """Return when the last task of one stage ends if each starts as soon as a slot is free, the longest first."""
    ends = [each + cluster.overhead for each in seconds[: cluster.slots]]
    heapq.heapify(ends)
    last = max(ends, default=0.0)
    for each in seconds[cluster.slots :]:
        end = ends[0] + each + cluster.overhead
        heapq.heapreplace(ends, end)
        last = max(last, end)
    return last


def _recorded(job: Job, stage: Ints, seconds: Floats) -> tuple[Part, ...]:
    """Return the stages of a job with the tasks that it had, longest first within a stage."""
    parts = []
    for k, part in enumerate(job.parts):
        tasks = tuple(sorted(seconds[stage == k].tolist(), reverse=True))
        parts.append(Part(sum(tasks), part.after, tasks, part.size, part.demand))
    return tuple(parts)


def fairness(result: Result) -> float:
    """Return how near users come to their max-min fair shares over time; NaN without two of them."""
    names, code = users(result.jobs)
    run = result.run
    if len(names) < 2 or run.makespan == 0:
        return float("nan")
    edges = np.linspace(0.0, run.makespan, min(BINS, math.ceil(run.makespan / WINDOW)) + 1)[1:]
    asked = until(edges, run.submit, run.submit, run.held, code, len(names))
    return fair_share(asked, result.service(edges), ROUNDING, result.weights)


def lags(result: Result) -> dict[str, Array]:
    """Return how far users are behind the fluid ideal, over time: the one who is furthest, and the mean."""
    edges = times(result)
    given = result.service(edges)
    behind = np.array([result.ideal.service(user, edges) - given[:, user] for user in range(given.shape[1])])
    behind = np.maximum(behind.reshape(given.shape[1], len(edges)), 0.0)
    worst = behind.max(axis=0, initial=0.0)
    return {"time": edges, "worst": worst, "mean": behind.mean(axis=0) if len(behind) else worst}


def times(result: Result) -> Floats:
    """Return the ends of the bins of time."""
    end = result.run.makespan
    return np.linspace(0.0, end, BINS + 1)[1:] if end > 0 else np.zeros(0)


def load(result: Result) -> Load:
    """Return the seconds that tasks ran on each executor, by bin of time."""
    tried, edges, executors = result.run.attempts, times(result), result.cluster.executors
    if len(edges) == 0:
        return Load(np.zeros((0, executors)), worker="executor")
    done = until(edges, tried.start, tried.end, tried.seconds, tried.executor, executors)
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
        "alone": result.alone,
        "delay": delays(run, result.reference),
        "work": run.work,
        "estimated": run.estimated,
        "tasks": np.bincount(run.job, minlength=len(jobs)),
    }


def _above(seconds: float) -> float:
    """Return seconds, none where they are rounding."""
    return seconds if seconds > ROUNDING else 0.0


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
