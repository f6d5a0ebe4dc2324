"""A scenario of jobs: who submits what to a shared cluster, and whose task a free slot runs next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from evenly.balance.queues import Queue
from evenly.balance.queues._weights import check_weights
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.cluster.jobs.cluster import Cluster, Loss
from evenly.cluster.jobs.estimates import Estimate
from evenly.cluster.jobs.estimates.oracle import Oracle
from evenly.cluster.jobs.known import Asked, Known
from evenly.cluster.jobs.metrics import METRICS
from evenly.cluster.jobs.results import figures, items, judged, lags, load, users
from evenly.cluster.jobs.simulate import Run, simulate
from evenly.cluster.jobs.splits import Split
from evenly.cluster.jobs.splits.runtime import Runtime
from evenly.cluster.jobs.submissions import Submission
from evenly.cluster.jobs.submissions.google_homo import GoogleHomo
from evenly.core import Metric, Outcome, Scenario
from evenly.core.document import told, unstructure
from evenly.core.scenario import Progress, silent
from evenly.traces.jobs.job import Jobs

KNOWN = Known()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsScenario(Scenario):
    """Run jobs of several users on executors that they share; tasks are never interrupted."""

    kind: ClassVar[str] = "jobs"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "queue": tuple({"use": use} for use in ("first-come", "fair", "ujf", "cfq", "uwfq")),
        "split": ({"use": "spark"}, *({"use": "runtime", "advised": seconds} for seconds in (0.25, 0.5, 1.0, 2.0))),
    }

    trace: Submission = field(default_factory=GoogleHomo)
    "Who submits which jobs when."
    queue: Queue = field(default_factory=Uwfq)
    "Whose task a free slot runs next."
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    "What users are entitled to, by which runs are judged, 1 for those who are not named; by default what `queue` says."
    split: Split = field(default_factory=Runtime)
    "Into how many tasks a stage is cut."
    estimate: Estimate = field(default_factory=Oracle)
    "How much work a job is thought to be before it has run."
    executors: int = 8
    cores: int = 4
    "Cores of an executor."
    resources: tuple[float, ...] = ()
    "What an executor has of other resources, in the units of the jobs' demands."
    overhead: float = 0.0
    "Seconds that a task takes besides its work: about 1 ms in Dask, 10 to 30 ms in PySpark."
    skew: float = 0.0
    "Standard deviation of the logarithm of the work in equal parts of a stage's data."
    lost: tuple[Loss, ...] = ()
    "Executors that are lost, and when they are back."

    def check(self) -> "JobsScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        self.cluster.check()
        check_weights(self.weights)
        return self

    @property
    def cluster(self) -> Cluster:
        """The executors."""
        return Cluster(self.executors, self.cores, self.resources, self.overhead, self.skew, self.lost)

    @property
    def entitled(self) -> Mapping[str, float]:
        """The weights of users: those of the scenario, else those of its queue, which may know none."""
        return self.weights or getattr(self.queue, "weights", {})

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate, beside the same by user-level job fairness, and return figures, jobs, users and load."""
        self.check()
        jobs = self.trace.draw(self.seed)
        names, entitled = users(jobs)[0], self.entitled
        nobody = [name for name in entitled if name not in names]
        if nobody:
            raise ValueError(f"weights name '{nobody[0]}', who submits no job; users are {_some(names)}")
        run, reference = self.simulate(jobs, progress), self.simulate(jobs, queue=Ujf(entitled))
        result = judged(jobs, self.cluster, run, reference, entitled)
        facts: dict[str, str | int | float] = {
            "trace": jobs.origin,
            "jobs": len(jobs),
            "users": len(names),
            "weights of users": ", ".join(f"{name} {weight:g}" for name, weight in entitled.items()) or "all alike",
            "queue": _named(self.queue),
            "split": _named(self.split),
            "estimate": _named(self.estimate),
            "executors": self.executors,
            "cores of an executor": self.cores,
            "seconds of a task besides its work": self.overhead,
            "skew of data": self.skew,
            "tasks": len(run.job),
            "executors lost": len(self.lost),
            "core-seconds lost with them": run.wasted,
            "seed": self.seed,
        }
        return Outcome(self.name, figures(result), load(result), items(result), {"users": lags(result)}, facts)

    def simulate(self, jobs: Jobs, progress: Progress = silent, queue: Queue | None = None) -> Run:
        """Return the run of jobs by the queue of the scenario or by another one; it may be one that was made before."""
        asked = Asked(self.seed, self.cluster, queue or self.queue, self.split, self.estimate, jobs.jobs)
        run = KNOWN.find(asked)
        if run is None:
            run = simulate(jobs, asked.cluster, asked.queue, self.split, self.estimate, self.seed, progress)
            KNOWN.keep(asked, run)
        return run


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _named(plugin: object) -> str:
    return told(unstructure(plugin), type(plugin).__name__)
