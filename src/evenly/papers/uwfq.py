"""UWFQ: users share an analytics cluster by two virtual clocks, and long jobs are cut into short tasks."""

import tempfile
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from evenly.balance.queues import Queue
from evenly.balance.queues.cfq import Cfq
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.shortest_job import ShortestJob
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.cluster.jobs.estimates import Estimate
from evenly.cluster.jobs.estimates.constant import Constant
from evenly.cluster.jobs.estimates.learned import Learned
from evenly.cluster.jobs.estimates.noisy import Noisy
from evenly.cluster.jobs.results import against, ideal, responses
from evenly.cluster.jobs.scenario import JobsScenario
from evenly.cluster.jobs.simulate import Run
from evenly.cluster.jobs.splits import Split
from evenly.cluster.jobs.splits.runtime import Runtime
from evenly.cluster.jobs.splits.spark import Spark
from evenly.cluster.jobs.submissions import Submission
from evenly.cluster.jobs.submissions._google import HETERO, HOMO
from evenly.cluster.jobs.submissions.four_large import FourLarge
from evenly.cluster.jobs.submissions.frequent_and_infrequent import FrequentAndInfrequent
from evenly.cluster.jobs.submissions.google_hetero import GoogleHetero
from evenly.cluster.jobs.submissions.google_homo import GoogleHomo
from evenly.cluster.jobs.submissions.large_and_small import LargeAndSmall
from evenly.cluster.jobs.submissions.tiny_bursts import TinyBursts
from evenly.papers.reproduce import Skipped
from evenly.traces.jobs.job import Job, Jobs, Part

QUEUES: dict[str, Queue] = {
    "fifo": FirstCome(),
    "fair": Fair(),
    "ujf": Ujf(),
    "cfq": Cfq(),
    "uwfq": Uwfq(),
    "sjf": ShortestJob(),
}
ATR = 0.5  # advised seconds of a task in all published runs
NOISES = [Noisy(0.5, seed=draw) for draw in range(3)]
RANDOM, BESIDE = 600, 30  # random workloads of a seed: under UWFQ, and those that other queues also serve
OVERHEAD = 0.02  # seconds of a task besides its work: the middle of the 10 to 30 ms of PySpark
MOMENTS = 25.0  # seconds between arrivals that are bunched: two moments of each 50 s of the published counts
ROUNDING = 1e-6  # seconds


def runs(
    trace: Submission, seed: int, split: Split, queues: tuple[str, ...] = tuple(QUEUES), overhead: float = 0.0
) -> dict[str, Run]:
    """Return runs on the published 32 cores by queue; user-level job fairness is always among them."""
    scenario = published(trace, seed, split, overhead)
    return {name: run(scenario, name) for name in dict.fromkeys(("ujf", *queues))}


def published(trace: Submission, seed: int, split: Split | None = None, overhead: float = 0.0) -> JobsScenario:
    """Return a scenario on the published 32 cores; runs name their queue themselves."""
    return JobsScenario(trace=trace, queue=FirstCome(), split=split or Runtime(ATR), seed=seed, overhead=overhead)


@lru_cache(128)
def run(scenario: JobsScenario, queue: str) -> Run:
    """Return a run of a scenario by a queue."""
    return scenario.simulate(scenario.trace.draw(scenario.seed), queue=QUEUES[queue])


def told(found: dict[str, Run]) -> dict[str, float]:
    """Return the figures of runs, each against user-level job fairness, by queue and metric."""
    figures: dict[str, float] = {}
    for name, one in found.items():
        figures |= {f"{name}_{key}": value for key, value in {**responses(one), **against(one, found["ujf"])}.items()}
    return figures


def less(figures: dict[str, float], metric: str) -> float:
    """Return by how many percent UWFQ is below user-level job fairness."""
    return 100 * (1 - figures[f"uwfq_{metric}"] / figures[f"ujf_{metric}"])


def homo(seed: int) -> dict[str, float]:
    """Return the queues on the more even cut of Google's trace, all with runtime partitioning."""
    figures = told(runs(GoogleHomo(), seed, Runtime(ATR), ("fair", "cfq", "uwfq")))
    figures["less"] = less(figures, "response_short")
    figures["long_over"] = figures["uwfq_response_long"] / figures["ujf_response_long"]
    figures["dvr_apart"] = figures["uwfq_dvr"] - figures["cfq_dvr"]
    for factor in (1.0, 1.3):
        found = told(runs(GoogleHomo(load=factor * HOMO.fitted), seed, Runtime(ATR), ("uwfq",)))
        figures[f"fitted_{factor:g}_less"] = less(found, "response_short")
        figures |= {f"fitted_{factor:g}_{name}": found[f"{name}_response_short"] for name in ("ujf", "uwfq")}
    return figures


def bursts(seed: int) -> dict[str, float]:
    """Return what becomes of delays if each user's jobs come in runs of ten."""
    found = told(runs(GoogleHomo(run=10), seed, Runtime(ATR), ("cfq", "uwfq")))
    return found | {"dvr_apart": found["uwfq_dvr"] - found["cfq_dvr"], "less": less(found, "response_short")}


def bunched(seed: int) -> dict[str, float]:
    """Return both cuts at the loads of a first simulation, if jobs come at two moments of each 50 s only."""
    figures: dict[str, float] = {}
    for name, trace in (
        ("homo_1", GoogleHomo(load=HOMO.fitted, every=MOMENTS)),
        ("homo_1.3", GoogleHomo(load=1.3 * HOMO.fitted, every=MOMENTS)),
        ("hetero_1.5", GoogleHetero(load=1.5 * HETERO.fitted, every=MOMENTS)),
    ):
        found = told(runs(trace, seed, Runtime(ATR), ("uwfq",)))
        figures |= {f"{name}_{queue}": found[f"{queue}_response_short"] for queue in ("ujf", "uwfq")}
    return figures


def hetero(seed: int) -> dict[str, float]:
    """Return the queues on the less even cut of Google's trace, all with runtime partitioning."""
    figures = told(runs(GoogleHetero(), seed, Runtime(ATR)))
    heavy = told(runs(GoogleHetero(load=1.5 * HETERO.fitted), seed, Runtime(ATR), ("uwfq",)))
    means = {name: figures[f"{name}_response_mean"] for name in QUEUES}
    pairs = (("sjf", "cfq"), ("cfq", "uwfq"), ("uwfq", "ujf"), ("ujf", "fair"), ("fair", "fifo"))
    return {
        **figures,
        "less": less(figures, "response_short"),
        "fitted_1.5_less": less(heavy, "response_short"),
        **{f"fitted_1.5_{name}": heavy[f"{name}_response_short"] for name in ("ujf", "uwfq")},
        **{f"{one}_over_{other}": means[one] / means[other] for one, other in pairs},
    }


def costly(seed: int) -> dict[str, float]:
    """Return the more even cut of Google's trace where each task costs 20 ms besides its work."""
    found = told(runs(GoogleHomo(), seed, Runtime(ATR), ("uwfq",), OVERHEAD))
    return found | {"less": less(found, "response_short")}


def of_users(trace: Submission, seed: int, found: Run, name: str) -> float:
    """Return the mean response in seconds of jobs of users whose name begins so."""
    mine = [job.user.startswith(name) for job in trace.draw(seed).jobs]
    return float(found.response[np.array(mine)].mean())


def s1(seed: int) -> dict[str, float]:
    """Return mean responses of S1 with runtime partitioning: of all jobs and of the small ones."""
    trace = LargeAndSmall()
    found = runs(trace, seed, Runtime(ATR))
    small = {f"{name}_small": of_users(trace, seed, one, "small") for name, one in found.items()}
    return told(found) | small


def s2(seed: int) -> dict[str, float]:
    """Return what S2 shows: responses of infrequent users, delays against user-level job fairness, makespans."""
    trace = FrequentAndInfrequent()
    found = runs(trace, seed, Spark())
    figures = told(found) | {f"{name}_light": of_users(trace, seed, one, "infrequent") for name, one in found.items()}
    cut = runs(trace, seed, Runtime(ATR), ("uwfq",))
    ends = [one.makespan for one in found.values()]
    return figures | {
        "uwfq_cut_light": of_users(trace, seed, cut["uwfq"], "infrequent"),
        "spread": 100 * (max(ends) / min(ends) - 1),
    }


def s3() -> dict[str, float]:
    """Return mean responses of S3, where all jobs are tiny and alike."""
    figures = told(runs(TinyBursts(), 0, Spark()))
    base = figures["ujf_response_mean"]
    return figures | {f"{name}_over": figures[f"{name}_response_mean"] / base for name in ("uwfq", "fifo")}


def s4() -> dict[str, float]:
    """Return mean responses of S4, where all users and jobs are alike."""
    figures = told(runs(FourLarge(), 0, Spark()))
    return figures | {"over": figures["uwfq_response_mean"] / figures["fair_response_mean"]}


def wrong(seed: int) -> dict[str, float]:
    """Return by how many percent wrong estimates lengthen the mean response of UWFQ."""

    def costs(trace: Submission, estimates: list[Estimate], atr: float = ATR) -> list[float]:
        scenario, jobs = published(trace, seed), trace.draw(seed)
        base = run(scenario, "uwfq").response.mean()
        guessed = (replace(scenario, estimate=one, split=Runtime(atr)) for one in estimates)
        means = [one.simulate(jobs, queue=Uwfq()).response.mean() for one in guessed]
        return [100 * float(mean / base - 1) for mean in means]

    tenth, same, *noisy = costs(GoogleHomo(), [Noisy(0.0, 0.1), Constant(), *NOISES])
    (ten,) = costs(GoogleHomo(), [Noisy(0.0, 10.0)], 10 * ATR)  # else there are a quarter of a million tasks
    (learned,) = costs(LargeAndSmall(), [Learned()])
    return {"noisy": max(noisy), "ten": ten, "tenth": tenth, "same": same, "learned": learned}


def bounded(seed: int) -> dict[str, float]:
    """Return how many runs end a job later than the fluid ideal, a longest task and the longest L/R together."""
    queues = ("uwfq", "fifo", "fair", "cfq")
    broken = dict.fromkeys(queues, 0.0)
    margin = np.inf
    for number in range(RANDOM):
        scenario = JobsScenario(trace=Drawn(number), seed=seed, executors=4)
        jobs = scenario.trace.draw(seed)
        for name in queues if number < BESIDE else ("uwfq",):
            left = room(scenario, jobs, scenario.simulate(jobs, queue=QUEUES[name]))
            broken[name] += left < -ROUNDING
            margin = min(margin, left) if name == "uwfq" else margin
    figures = {f"{name}_share": 100 * count / BESIDE for name, count in broken.items()}
    figures["uwfq_share"] = 100 * broken["uwfq"] / RANDOM
    for short, trace in (("homo", GoogleHomo()), ("s2", FrequentAndInfrequent())):
        scenario, jobs = published(trace, seed), trace.draw(seed)
        for name, one in runs(trace, seed, Runtime(ATR), queues).items():
            figures[f"{short}_{name}_late"] = lateness(scenario, jobs, one)
            figures[f"{short}_{name}_margin"] = room(scenario, jobs, one)
    return figures | {"margin": float(margin)}


def room(scenario: JobsScenario, jobs: Jobs, found: Run) -> float:
    """Return the least seconds by which jobs end before the bound; below zero where it is broken."""
    longest = float((found.end - found.start).max()) + float(found.work.max()) / scenario.cluster.slots
    return longest - lateness(scenario, jobs, found)


def lateness(scenario: JobsScenario, jobs: Jobs, found: Run) -> float:
    """Return the most seconds between the end of a job and that in the fluid ideal."""
    return float((found.finish - ideal(jobs, scenario.cluster, found).finish).max())


class Drawn:
    """Random jobs of a few users, most of them in bursts; in every other workload a user's jobs are alike."""

    def __init__(self, number: int) -> None:
        self.number = number

    def draw(self, seed: int) -> Jobs:
        """Return up to 30 jobs."""
        chance = np.random.default_rng([seed, 59, self.number])
        users, count = int(chance.integers(2, 7)), int(chance.integers(8, 31))
        owner = np.minimum(chance.geometric(0.4, count) - 1, users - 1)  # the first have most
        burst = np.round(chance.exponential(6.0, users), 1)
        times = np.where(chance.random(count) < 0.6, burst[owner], chance.uniform(0.0, 30.0, count))
        work = chance.lognormal(1.5, 1.2, count) if self.number % 2 else chance.lognormal(1.5, 1.2, users)[owner]
        columns = zip(owner.tolist(), times.tolist(), work.tolist(), strict=True)
        return Jobs(tuple(Job(f"user-{u}", t, (Part(w),)) for u, t, w in columns), "drawn")


def dask() -> dict[str, float]:
    """Return how much better off a light user is on a real Dask, and how near the simulator comes to it."""
    if find_spec("distributed") is None:
        raise Skipped("distributed is not installed: pip install 'evenly[dask]'")
    from evenly.hosts.dask.measure import PLAIN, measure
    from evenly.hosts.light_beside_heavy import LIGHT

    found = {one.queue: one for one in measure(1, lambda line: None, (PLAIN, "fair", "ujf", "uwfq"))}
    light = {name: (one.mean(LIGHT), one.mean(LIGHT, predicted=True)) for name, one in found.items()}
    pairs = [(a, b) for a in light.values() for b in light.values() if a[0] > 1.2 * b[0]]
    return {
        "light": light[PLAIN][0] / light["uwfq"][0],
        **{name: one.mean(predicted=True) / one.mean() for name, one in found.items()},
        "order": 100 * float(np.mean([a[1] > b[1] for a, b in pairs])),
    }


def spark() -> dict[str, float]:
    """Return what a light user beside a heavy one sees of a real Spark, one round; see `figures` there."""
    if find_spec("pyspark") is None:
        raise Skipped("pyspark is not installed: pip install 'evenly[spark]'")
    from evenly.hosts.spark.java import java
    from evenly.hosts.spark.measure import figures, measure

    with tempfile.TemporaryDirectory() as folder:
        try:
            java(Path(folder))
        except RuntimeError as error:
            raise Skipped(str(error)) from None
        return figures(measure(1, lambda line: None))
