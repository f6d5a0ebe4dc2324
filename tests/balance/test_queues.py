"""Queues: the exam of each, what each promises, and what the others break."""

from dataclasses import dataclass

import pytest

from evenly.balance.queues import Queue, Turns, queues
from evenly.balance.queues._deadlines import Deadlines
from evenly.balance.queues.cfq import Cfq
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq, _of_jobs
from evenly.testing.queues import Job, check_queue, lateness, workload
from tests.seeds import seeds as seeded

CORES = 8
PIECE = 0.5  # seconds: the advised task runtime of arXiv 2510.15485


def crowd(seed: int) -> list[Job]:
    return workload(seed, jobs=60, users=6, cores=CORES, piece=PIECE)


@dataclass(frozen=True)
class Wrong:
    """A clock that runs at another rate than the cluster."""

    factor: float

    def open(self, capacity: tuple[float, ...]) -> Turns:
        return Deadlines(_of_jobs, {}, self.factor * capacity[0])


@pytest.mark.parametrize("name", queues.names())
def test_every_queue_passes_the_exam(name: str) -> None:
    check_queue(queues[name]())


@seeded(20, 60, 3000)
def test_no_job_ends_later_than_the_ideal_by_more_than_a_longest_task_and_job(seeds: range) -> None:
    assert max(lateness(Uwfq(), crowd(seed), CORES) for seed in seeds) <= 1e-9


@pytest.mark.parametrize(
    "queue",
    [FirstCome(), Fair(), Cfq(), Ujf(), Wrong(0.1), Wrong(10.0)],
    ids=["first-come", "fair", "cfq", "ujf", "slow", "fast"],
)
def test_others_and_a_clock_of_a_wrong_rate_let_jobs_end_later(queue: Queue) -> None:
    assert max(lateness(queue, crowd(seed), CORES) for seed in range(20)) > 1.0
